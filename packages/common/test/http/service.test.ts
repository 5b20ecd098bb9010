import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { defineApi } from '@lucid/common/apis/api';
import { errorFactory } from '@lucid/common/apis/error-factory';
import { page, pageQuery, strictObject } from '@lucid/common/apis/schemas';
import { createClient } from '@lucid/common/http/client';
import { assertComplete, implement } from '@lucid/common/http/implement';
import { createService } from '@lucid/common/http/service';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import Type from 'typebox';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createTestIdentity } from '../../../../test/support/identity.ts';

const errors = { SHELF_FULL: { status: 409, doc: 'The shelf takes no more.' } } as const;
const shelfError = errorFactory(errors);
const shelfApi = defineApi({
  service: 'shelf',
  title: 'Shelf',
  description: 'Holds books',
  errors,
  operations: {
    addBook: {
      method: 'POST',
      path: '/books',
      summary: 'Add a book',
      access: { roles: ['operator'] },
      body: strictObject({ title: Type.String({ minLength: 1, maxLength: 10 }), pages: Type.Integer({ minimum: 1 }) }),
      bodyBytesMax: 200,
      responses: { 201: { description: 'Added', schema: strictObject({ id: Type.Integer() }) } },
      errors: ['SHELF_FULL'],
    },
    listBooks: {
      method: 'GET',
      path: '/books',
      summary: 'List books',
      access: 'public',
      query: strictObject({ ...pageQuery, shelf: Type.Optional(Type.String()) }),
      responses: { 200: { description: 'Books', schema: page(Type.String()) } },
    },
    putPages: {
      method: 'PUT',
      path: '/books/{id}/pages',
      summary: 'Stream pages',
      access: 'authenticated',
      params: strictObject({ id: Type.Integer() }),
      rawBody: { contentTypes: ['application/octet-stream'], mode: 'stream' },
      responses: { 200: { description: 'Stored', schema: strictObject({ bytes: Type.Integer() }) } },
    },
    breakShelf: {
      method: 'GET',
      path: '/broken',
      summary: 'Answers outside its schema, or throws',
      access: 'public',
      query: strictObject({ secret: Type.Optional(Type.String()) }),
      responses: { 200: { description: 'Never', schema: strictObject({ ok: Type.Boolean() }) } },
    },
  },
});

const identity = createTestIdentity();
let app: FastifyInstance;
let baseUrl: string;

beforeAll(async () => {
  app = await createService({
    api: shelfApi,
    version: '1.2.3',
    logger: pino({ level: 'silent' }),
    verifyToken: identity.verifier('shelf'),
    checkResponses: true,
  });
  await implement(app, shelfApi, {
    addBook: ({ body }) => {
      if (body.title === 'full') throw shelfError('SHELF_FULL', 'No room.', { data: { capacity: 1 } });
      return { id: body.pages };
    },
    listBooks: ({ query }) => {
      const items = [`limit ${query.limit}`];
      return query.shelf === undefined || query.cursor !== undefined ? { items } : { items, next: 'page-2' };
    },
    putPages: async ({ body }) => {
      let bytes = 0;
      for await (const chunk of body as AsyncIterable<Uint8Array>) bytes += chunk.length;
      return { bytes };
    },
    breakShelf: ({ query, reply }) => {
      reply.headers({ 'cache-control': 'public, max-age=31536000, immutable', etag: '"of the answer"' });
      if (query.secret) throw new Error(`the secret is ${query.secret}`);
      return { ok: 'yes' } as never;
    },
  });
  assertComplete(app, shelfApi);
  baseUrl = await app.listen({ port: 0, host: '127.0.0.1' });
});
afterAll(async () => {
  await app.close();
});

const operator = () => identity.userToken({ roles: ['operator'] });

async function send(path: string, init: RequestInit = {}) {
  const response = await fetch(`${baseUrl}${path}`, init);
  return { response, body: (await response.json()) as Record<string, unknown> };
}

async function addBook(body: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const authorization = `Bearer ${await operator()}`;
  return await send('/books', {
    method: 'POST',
    body: text,
    headers: { authorization, 'content-type': 'application/json', ...headers },
  });
}

describe('requests that match', () => {
  test('a typed client reaches a typed handler', async () => {
    const client = createClient(shelfApi, { baseUrl, token: operator });
    expect(await client.addBook({ body: { title: 'a', pages: 3 } })).toEqual({ id: 3 });
    expect(await client.listBooks({ query: { limit: 7 } })).toEqual({ items: ['limit 7'] });
  });

  test('defaults of the schema are filled in', async () => {
    expect((await send('/books')).body).toEqual({ items: ['limit 50'] });
  });

  test('a page that is not the last links to the next, with what it was asked with, under whatever path', async () => {
    const { response } = await send('/books?limit=2&shelf=a%26b');
    const link = /^<(.*)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1] ?? '';
    const url = URL.parse(link, 'http://gateway/api/v1/shelf/books?limit=2');
    expect(url?.pathname).toBe('/api/v1/shelf/books');
    expect(Object.fromEntries(url?.searchParams ?? [])).toEqual({ limit: '2', shelf: 'a&b', cursor: 'page-2' });
    expect((await send(`/books${url?.search}`)).response.headers.get('link')).toBeNull();
  });

  test('a raw body is streamed to the handler', async () => {
    const client = createClient(shelfApi, { baseUrl, token: operator });
    expect(await client.putPages({ params: { id: 1 }, rawBody: new Uint8Array(3_000) })).toEqual({ bytes: 3_000 });
  });

  test('a request id is accepted if it is a UUID and made otherwise', async () => {
    const id = '6f1f54a6-0f0a-4c8e-9a3e-0d7d3cf2f0aa';
    const given = await send('/books', { headers: { 'x-request-id': id } });
    expect(given.response.headers.get('x-request-id')).toBe(id);
    const made = await send('/books', { headers: { 'x-request-id': 'evil value' } });
    expect(made.response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('requests that do not match are answered with the documented code', () => {
  const cases: [string, unknown, Record<string, string>, number, string][] = [
    ['wrong type', { title: 'a', pages: '3' }, {}, 400, 'REQUEST_INVALID'],
    ['unknown field', { title: 'a', pages: 3, x: 1 }, {}, 400, 'REQUEST_INVALID'],
    ['missing field', { title: 'a' }, {}, 400, 'REQUEST_INVALID'],
    ['not JSON', '{', {}, 400, 'REQUEST_BODY_MALFORMED'],
    ['prototype poisoning', '{"__proto__":{"a":1}}', {}, 400, 'REQUEST_BODY_MALFORMED'],
    ['too large', { title: 'a', pages: 3, x: 'y'.repeat(300) }, {}, 413, 'REQUEST_TOO_LARGE'],
    ['other content type', 'a=1', { 'content-type': 'application/x-yaml' }, 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['no token', {}, { authorization: '' }, 401, 'AUTH_TOKEN_INVALID'],
    ['the service refuses', { title: 'full', pages: 1 }, {}, 409, 'SHELF_FULL'],
  ];
  test.each(cases)('%s', async (_name, body, headers, status, code) => {
    const answer = await addBook(body, headers);
    expect(answer.body).toMatchObject({ status, code, type: `urn:lucid:problem:${code}` });
    expect(answer.response.status).toBe(status);
    expect(answer.response.headers.get('content-type')).toContain('application/problem+json');
  });

  test('the field at fault is named by a JSON pointer', async () => {
    const { body } = await addBook({ title: 'a', pages: 3, colour: 1 });
    expect(body['errors']).toEqual([{ pointer: '/body/colour', detail: 'is not a known field' }]);
  });

  test('a body that is missing altogether is named', async () => {
    const { body } = await send('/books', { method: 'POST', headers: { authorization: `Bearer ${await operator()}` } });
    expect(body).toMatchObject({ code: 'REQUEST_INVALID', errors: [{ pointer: '/body', detail: 'is missing' }] });
  });

  test('unknown query parameters are refused', async () => {
    expect((await send('/books?limits=3')).body).toMatchObject({ code: 'REQUEST_INVALID' });
  });

  test.each(['0x10', '1e1', '+1', '01', ' 1', '1.0', '-0', '1_0', '', '9007199254740993', '%31 '])(
    '%j is no integer in a query',
    async (limit) => {
      const { body } = await send(`/books?limit=${encodeURIComponent(limit)}`);
      expect(body).toMatchObject({ code: 'REQUEST_INVALID', errors: [{ pointer: '/querystring/limit' }] });
    },
  );

  test.each(['0x1', '1e0', '%2B1', '01', '%201'])('nor is %j in a path', async (id) => {
    const answer = await send(`/books/${id}/pages`, {
      method: 'PUT',
      body: Buffer.alloc(1),
      headers: { authorization: `Bearer ${await operator()}`, 'content-type': 'application/octet-stream' },
    });
    expect(answer.body).toMatchObject({ code: 'REQUEST_INVALID', errors: [{ pointer: '/params/id' }] });
  });

  test('an unknown path is ROUTE_NOT_FOUND', async () => {
    expect((await send('/nowhere')).body).toMatchObject({ status: 404, code: 'ROUTE_NOT_FOUND' });
  });

  test('an unexpected failure says nothing of itself', async () => {
    const { body } = await send('/broken?secret=hunter2');
    expect(body).toMatchObject({ status: 500, code: 'INTERNAL' });
    expect(JSON.stringify(body)).not.toContain('hunter2');
  });

  test.each(['/broken?secret=x', '/nowhere', '/books?limits=3'])(
    'a failure is kept by no cache, whatever was said of the answer before: %s',
    async (path) => {
      const { headers } = (await send(path)).response;
      expect([headers.get('cache-control'), headers.get('etag')]).toEqual(['no-store', null]);
    },
  );

  test('an answer outside its schema is a failure of the service', async () => {
    expect((await send('/broken')).body).toMatchObject({ code: 'INTERNAL' });
  });
});

describe('tokens', () => {
  const stranger = generateKeyPairSync('ed25519').privateKey;
  const cases: [string, () => Promise<string | undefined>, number, string][] = [
    ['none', async () => undefined, 401, 'AUTH_TOKEN_MISSING'],
    ['expired', () => identity.userToken({ roles: ['operator'], lifeSec: -60 }), 401, 'AUTH_TOKEN_EXPIRED'],
    ['wrong audience', () => identity.userToken({ roles: ['operator'], audience: 'x' }), 401, 'AUTH_AUDIENCE_WRONG'],
    ['wrong issuer', () => identity.userToken({ roles: ['operator'], issuer: 'x' }), 401, 'AUTH_TOKEN_INVALID'],
    ['wrong key', () => identity.userToken({ roles: ['operator'], key: stranger }), 401, 'AUTH_TOKEN_INVALID'],
    ['wrong role', () => identity.userToken({ roles: ['user'] }), 403, 'AUTH_ROLE_MISSING'],
    ['a person as service', () => identity.userToken({ roles: ['operator', 'service'] }), 401, 'AUTH_TOKEN_INVALID'],
    ['service token for another', () => identity.serviceToken('vm', 'ledger'), 401, 'AUTH_AUDIENCE_WRONG'],
    ['service token without the role', () => identity.serviceToken('vm', 'shelf'), 403, 'AUTH_ROLE_MISSING'],
    ['unsigned', async () => 'eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0.', 401, 'AUTH_TOKEN_INVALID'],
    ['garbage', async () => 'garbage', 401, 'AUTH_TOKEN_INVALID'],
  ];
  test.each(cases)('%s', async (_name, token, status, code) => {
    const client = createClient(shelfApi, { baseUrl, token });
    const call = client.addBook({ body: { title: 'a', pages: 1 } });
    await expect(call).rejects.toMatchObject({ status, code });
  });
});

test('on one connection every request is who its own token says', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const sockets = new Set<unknown>();
  const statusFor = async (token: string | undefined): Promise<number | undefined> => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const sent = request(`${baseUrl}/books`, { method: 'POST', agent, headers }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    sockets.add(sent.socket);
    response.resume();
    await once(response, 'end');
    return response.statusCode;
  };
  const [admitted, other] = [await operator(), await identity.userToken({ roles: ['user'] })];
  const shortLived = await identity.userToken({ roles: ['operator'], lifeSec: 1 });
  // 400: admitted, and told that the body is missing.
  for (const token of [admitted, admitted]) expect(await statusFor(token)).toBe(400);
  expect([await statusFor(other), await statusFor(undefined), await statusFor(admitted)]).toEqual([403, 401, 400]);
  expect(await statusFor(`${admitted}x`)).toBe(401);
  for (let status = await statusFor(shortLived); status !== 401; status = await statusFor(shortLived)) {
    expect(status).toBe(400);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 10_000 });
  }
  vi.useRealTimers();
  expect(sockets.size).toBe(1);
  agent.destroy();
});

describe('probes and document', () => {
  test('livez and readyz answer, and readyz names what fails', async () => {
    expect((await send('/livez')).body).toEqual({ status: 'live' });
    expect((await send('/readyz')).body).toEqual({ status: 'ready', checks: {} });
    const other = await createService({ api: shelfApi, version: '1', logger: pino({ level: 'silent' }) });
    other.readiness.add('ledger', () => Promise.reject(new Error('cannot be reached')));
    const answer = await other.inject('/readyz');
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toEqual({
      status: 'not ready',
      checks: { ledger: { ok: false, detail: 'cannot be reached' } },
    });
    await other.close();
  });

  test('metrics count requests by operation', async () => {
    await send('/books');
    const text = await (await fetch(`${baseUrl}/metrics`)).text();
    expect(text).toMatch(
      /http_request_duration_seconds_count\{service="shelf",operation="listBooks",status="200"\} [1-9]/,
    );
  });

  test('the OpenAPI document has every operation with its errors', async () => {
    const { body } = await send('/openapi.json');
    expect(body['openapi']).toBe('3.1.0');
    const paths = body['paths'] as Record<
      string,
      Record<string, { responses: Record<string, { description: string }> }>
    >;
    expect(Object.keys(paths).toSorted()).toEqual(['/books', '/books/{id}/pages', '/broken']);
    expect(paths['/books']?.['post']?.responses['409']?.description).toContain('SHELF_FULL');
  });

  test('a route without an access rule stops the service from starting', async () => {
    const bare = await createService({ api: shelfApi, version: '1', logger: pino({ level: 'silent' }) });
    expect(() => bare.get('/open', () => 'x')).toThrow(/declares no access rule/);
    await bare.close();
  });
});

import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { leafHash } from '@lucid/common/formats/merkle';
import { parseTlogProof } from '@lucid/common/formats/tlog-proof';
import { createLogger } from '@lucid/common/runtime/logger';
import { buildApp } from '@lucid/ledger/app';
import { LogHost } from '@lucid/ledger/domain/log-host';
import * as fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestIdentity } from '../../../../test/support/identity.ts';
import { createTestLogKey, openTestLog } from '../../../../test/support/ledger.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

type Line = { msg: string; operation?: string; status?: number; subject?: string; requestId?: string; path?: string };
type Answer = { status: number; headers: IncomingMessage['headers']; body: string };

const identity = createTestIdentity();

/** A ledger behind a real socket, and one connection to it. */
class Served implements AsyncDisposable {
  readonly lines: Line[] = [];
  readonly #stack = new AsyncDisposableStack();
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #app: FastifyInstance | undefined;
  #url = '';

  static async open(fastLane: boolean): Promise<Served> {
    const served = new Served();
    const folder = served.#stack.use(await temporaryFolder());
    const key = createTestLogKey();
    const host = new LogHost({
      open: (observer) => openTestLog(folder.path, key, {}, observer),
      sleep: () => new Promise((resolve) => setImmediate(resolve)),
      onTrouble: (error) => {
        throw error;
      },
    });
    served.#stack.use(host);
    await host.start();
    const logger = createLogger(
      { name: 'ledger', level: 'info' },
      { write: (line) => void served.lines.push(JSON.parse(line) as Line) },
    );
    const hosts = new Map([['lucid', host]]);
    const app = await buildApp({ hosts, logger, verifyToken: identity.verifier('ledger'), fastLane });
    served.#stack.defer(() => app.close());
    served.#stack.defer(() => served.#agent.destroy());
    served.#app = app;
    served.#url = await app.listen({ port: 0, host: '127.0.0.1' });
    return served;
  }

  async post(body: string | Buffer, headers: Record<string, string>, path = '/entries'): Promise<Answer> {
    const length = { 'content-length': String(Buffer.byteLength(body)) };
    const sent = request(`${this.#url}${path}`, {
      method: 'POST',
      agent: this.#agent,
      headers: { ...length, ...headers },
    });
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() };
  }

  async metrics(): Promise<string> {
    return (await this.#app?.metrics.registry.metrics()) ?? '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** What two ledgers must agree on: all but dates, and ids and receipts, which are each one's own. */
function settled({ status, headers, body }: Answer): unknown {
  const { date, 'x-request-id': _id, 'content-length': _length, ...same } = headers;
  expect(date).toBeDefined();
  const { requestId: _requestId, receipt: _receipt, ...members } = JSON.parse(body) as Record<string, unknown>;
  return { status, headers: same, members };
}

const raw = { 'content-type': 'application/octet-stream' };
const json = { 'content-type': 'application/json' };
const base64 = (bytes: Buffer | string): string => Buffer.from(bytes).toString('base64');
const entryOf = (bytes: Buffer | string): string => JSON.stringify({ entry: base64(bytes) });

let lane: Served;
let plain: Served;
let bearer: { authorization: string };
beforeAll(async () => {
  [lane, plain] = await Promise.all([Served.open(true), Served.open(false)]);
  bearer = { authorization: `Bearer ${await identity.serviceToken('sessions', 'ledger')}` };
});
afterAll(async () => {
  await lane[Symbol.asyncDispose]();
  await plain[Symbol.asyncDispose]();
});

/** Asks both ledgers the same, which must answer the same; answers the lane's. */
async function both(body: string | Buffer, headers: Record<string, string>, path?: string): Promise<Answer> {
  const [ofLane, ofPlain] = [await lane.post(body, headers, path), await plain.post(body, headers, path)];
  expect(settled(ofLane)).toEqual(settled(ofPlain));
  return ofLane;
}

describe('an append answers the same on the lane and without it', () => {
  test.each<[string, string | Buffer, Record<string, string>]>([
    ['raw', 'first', raw],
    ['JSON', entryOf('second'), json],
    ['raw with a key', 'third', { ...raw, 'idempotency-key': 'a key-less key'.replaceAll(' ', '-') }],
    ['as long as may be', Buffer.alloc(4096, 1), raw],
    ['as long as may be in JSON', entryOf(Buffer.alloc(4096, 1)), json],
  ])('%s', async (_name, body, headers) => {
    const { status, body: text } = await both(body, { ...bearer, ...headers });
    expect(status).toBe(201);
    expect(JSON.parse(text)).toEqual({
      leafIndex: expect.any(Number),
      leafHash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test.each<[string, string, string | Buffer, Record<string, string>, number, string | undefined]>([
    ['raw', '/entries', 'in a log by its name', raw, 201, undefined],
    ['to a log by its name', '/logs/lucid/entries', entryOf('named'), json, 201, undefined],
    ['to a log that is not', '/logs/other/entries', 'x', raw, 404, 'LEDGER_LOG_NOT_FOUND'],
    ['nothing', '/entries', '', raw, 400, 'LEDGER_ENTRY_EMPTY'],
    ['too much', '/entries', Buffer.alloc(4097), raw, 413, 'LEDGER_ENTRY_TOO_LARGE'],
    ['far too much', '/entries', Buffer.alloc(20_000), raw, 413, 'REQUEST_TOO_LARGE'],
    ['no base64', '/entries', '{"entry":"*"}', json, 400, 'REQUEST_INVALID'],
    ['another spelling of base64', '/entries', '{"entry":"AB=="}', json, 400, 'REQUEST_INVALID'],
    ['no JSON', '/entries', '{"entry":"', json, 400, 'REQUEST_BODY_MALFORMED'],
    ['a member too many', '/entries', '{"entry":"AAAA","x":1}', json, 400, 'REQUEST_INVALID'],
    ['a type nobody takes', '/entries', 'x', { 'content-type': 'text/plain' }, 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a key with a space', '/entries', 'x', { ...raw, 'idempotency-key': 'a b' }, 400, 'IDEMPOTENCY_KEY_INVALID'],
    ["another's type", '/entries', '{"type":"lucid/block@1"}', raw, 403, 'LEDGER_ENTRY_RESERVED'],
    ['a wrong receipt', '/entries?receipt=2', 'x', raw, 400, 'REQUEST_INVALID'],
  ])('%s', async (_name, path, body, headers, status, code) => {
    const answer = await both(body, { ...bearer, ...headers }, path);
    expect(answer.status).toBe(status);
    if (code !== undefined) expect(JSON.parse(answer.body)).toMatchObject({ status, code });
  });

  test('the same key again answers the same index, and refuses other bytes', async () => {
    const headers = { ...bearer, 'idempotency-key': 'once' };
    const first = await both('once', { ...headers, ...raw });
    expect((await both('once', { ...headers, ...raw })).body).toBe(first.body);
    expect((await both(entryOf('once'), { ...headers, ...json })).body).toBe(first.body);
    const other = await both('twice', { ...headers, ...raw });
    expect([other.status, (JSON.parse(other.body) as { code: string }).code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
  });

  test('a receipt comes with it where it is asked for', async () => {
    const { headers, body } = await both('with receipt', { ...bearer, ...raw }, '/entries?receipt=1');
    expect(Number(headers['content-length'])).toBe(Buffer.byteLength(body));
    const { leafIndex, leafHash: hash, receipt, treeSize } = JSON.parse(body) as Record<string, string>;
    expect(hash).toBe(Buffer.from(leafHash(Buffer.from('with receipt'))).toString('hex'));
    expect(parseTlogProof(receipt ?? '').leafIndex).toBe(leafIndex);
    expect(treeSize).toBeGreaterThan(leafIndex as unknown as number);
  });

  test('any body at all', async () => {
    const entry = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
    const body = fc.oneof(
      entry.map((bytes) => ({ body: bytes as Buffer | string, headers: raw as Record<string, string> })),
      entry.map((bytes) => ({ body: entryOf(bytes), headers: json })),
      fc.base64String({ maxLength: 30 }).map((text) => ({ body: `{"entry":"${text}"}`, headers: json })),
      fc.string({ maxLength: 30 }).map((text) => ({ body: `{"entry":"${text}"}`, headers: json })),
      fc.json({ maxDepth: 1 }).map((text) => ({ body: text, headers: json })),
    );
    await fc.assert(
      fc.asyncProperty(body, async ({ body: bytes, headers }) => void (await both(bytes, { ...bearer, ...headers }))),
      { numRuns: 150 },
    );
  });
});

describe('who may append', () => {
  test.each<[string, () => Promise<string | undefined>, number, string | undefined]>([
    ['nobody', async () => undefined, 401, 'AUTH_TOKEN_MISSING'],
    ['an operator', () => identity.userToken({ roles: ['operator'] }), 201, undefined],
    ['a person', () => identity.userToken({ roles: ['user'] }), 403, 'AUTH_ROLE_MISSING'],
    [
      'one whose time is over',
      () => identity.userToken({ roles: ['operator'], lifeSec: -60 }),
      401,
      'AUTH_TOKEN_EXPIRED',
    ],
    ['a service of another audience', () => identity.serviceToken('vm', 'vm'), 401, 'AUTH_AUDIENCE_WRONG'],
    ['a forger', async () => 'forged', 401, 'AUTH_TOKEN_INVALID'],
  ])('%s', async (_name, issue, status, code) => {
    const token = await issue();
    const headers = { ...raw, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
    const answer = await both('who', headers);
    expect(answer.status).toBe(status);
    if (code !== undefined) expect(JSON.parse(answer.body)).toMatchObject({ status, code });
  });
});

test('the lane logs and counts as the service does, and says nothing of the token', async () => {
  const id = '6f1f54a6-0f0a-4c8e-9a3e-0d7d3cf2f0aa';
  for (const served of [lane, plain]) {
    const answer = await served.post('logged', { ...bearer, ...raw, 'x-request-id': id });
    expect(answer.headers['x-request-id']).toBe(id);
    const line = served.lines.find(({ requestId }) => requestId === id);
    expect(line).toMatchObject({ operation: 'appendEntry', status: 201, subject: 'sessions', path: '/entries' });
    expect(JSON.stringify(served.lines)).not.toContain(bearer.authorization.slice(-20));
    expect(await served.metrics()).toMatch(/_count\{service="ledger",operation="appendEntry",status="201"\} [1-9]/);
  }
});

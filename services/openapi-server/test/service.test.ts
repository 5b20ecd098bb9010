import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openapiServerApi, type ServiceDocuments } from '@lucid/common/apis/openapi';
import { createLogger } from '@lucid/common/runtime/logger';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { createTestIdentity } from '../../../test/support/identity.ts';
import { buildApp } from '../src/app.ts';
import { serviceDocument } from '../src/clients/service-document.ts';
import { Library } from '../src/domain/library.ts';
import { FileDocumentStore } from '../src/store/file-document-store.ts';

const identity = createTestIdentity();
const documentOf = (title: string) =>
  JSON.stringify({
    openapi: '3.1.0',
    info: { title, version: '1.0.0' },
    paths: { '/entries': { get: { operationId: 'listEntries', responses: { 200: { description: title } } } } },
  });

let folder: string;
let server: Server;
let baseUrl: string;
/** What the service at `baseUrl` answers as its document; undefined to cut the connection. */
let served: string | undefined;
let reads: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lucid-openapi-'));
  served = documentOf('First');
  reads = 0;
  server = createServer((request, response) => {
    reads += 1;
    if (served === undefined) request.socket.destroy();
    else response.end(served);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

interface Opened extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly library: Library;
}

async function open(): Promise<Opened> {
  let time = 0;
  const library = await Library.open(
    [serviceDocument('ledger', baseUrl, 500), serviceDocument('sessions', 'http://127.0.0.1:1', 500)],
    await FileDocumentStore.open(folder),
    { version: '1.2.3', gatewayUrl: 'http://gateway.test', docsUrl: 'http://docs.test' },
    () => new Date((time += 1000)).toISOString(),
  );
  const app = await buildApp({
    version: '1.2.3',
    logger: createLogger({ name: 'openapi-server', level: 'silent' }),
    verifyToken: identity.verifier('openapi-server'),
    library,
    firstRefresh: async () => undefined,
  });
  return {
    app,
    library,
    [Symbol.asyncDispose]: async () => {
      await app.close();
    },
  };
}

const stateOf = async (app: FastifyInstance) => {
  const { items } = (await app.inject('/services')).json<ServiceDocuments>();
  return items.find(({ service }) => service === 'ledger');
};

describe('the documents', () => {
  test('before anything was read: said so', async () => {
    await using opened = await open();
    const answer = await opened.app.inject('/document.json');
    expect([answer.statusCode, answer.json().code]).toEqual([503, 'OPENAPI_DOCUMENT_MISSING']);
    expect((await opened.app.inject('/document.yaml')).statusCode).toBe(503);
    expect((await opened.app.inject('/services')).json()).toMatchObject({ isComplete: false });
  });

  test('as JSON and as YAML, with a tag that changes with the content', async () => {
    await using opened = await open();
    await opened.library.refresh();
    const json = await opened.app.inject('/document.json');
    expect(json.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(json.json().paths['/api/v1/ledger/entries'].get.operationId).toBe('listEntries');
    const yaml = await opened.app.inject('/document.yaml');
    expect(yaml.headers['content-type']).toBe('application/yaml; charset=utf-8');
    expect(parse(yaml.body)).toEqual(json.json());
    const etag = String(json.headers.etag);
    const again = { url: '/document.json', headers: { 'if-none-match': etag } };
    expect(await opened.app.inject(again)).toMatchObject({ statusCode: 304, body: '' });
    served = documentOf('Second');
    await opened.library.refresh();
    expect((await opened.app.inject(again)).statusCode).toBe(200);
  });

  test("one service's, as it serves it", async () => {
    await using opened = await open();
    await opened.library.refresh();
    expect((await opened.app.inject('/services/ledger/document.json')).body).toBe(served);
    expect((await opened.app.inject('/services/sessions/document.json')).json().code).toBe('OPENAPI_DOCUMENT_MISSING');
    expect((await opened.app.inject('/services/nothing/document.json')).json().code).toBe('OPENAPI_SERVICE_UNKNOWN');
  });
});

describe('a service that', () => {
  test('is down keeps its last good document, also over a restart', async () => {
    await using first = await open();
    await first.library.refresh();
    expect(await stateOf(first.app)).toMatchObject({ state: 'current', operationCount: 1, title: 'First' });
    const before = (await first.app.inject('/document.json')).body;
    served = undefined;
    await first.library.refresh();
    expect(await stateOf(first.app)).toMatchObject({ state: 'stale', detail: 'ledger cannot be reached.' });
    expect((await first.app.inject('/document.json')).body).toBe(before);
    await using second = await open();
    expect((await second.app.inject('/document.json')).body).toBe(before);
    expect(await stateOf(second.app)).toMatchObject({ state: 'stale', readAt: '1970-01-01T00:00:01.000Z' });
  });

  test.each([
    ['a bad document', '{"openapi":"3.0.0"}', '/openapi is not 3.1.x.'],
    ['no JSON', 'oops', 'The document is not JSON.'],
  ])('answers %s is quarantined and named; the others are not touched', async (_name, bad, detail) => {
    await using opened = await open();
    await opened.library.refresh();
    const before = (await opened.app.inject('/document.json')).body;
    served = bad;
    await opened.library.refresh();
    expect(await stateOf(opened.app)).toMatchObject({ state: 'quarantined', detail, title: 'First' });
    expect((await opened.app.inject('/document.json')).body).toBe(before);
    served = documentOf('Third');
    await opened.library.refresh();
    expect(await stateOf(opened.app)).toMatchObject({ state: 'current', title: 'Third' });
  });

  test('answers without end is stopped', async () => {
    await using opened = await open();
    served = `${documentOf('Big').slice(0, -1)},"x":"${'x'.repeat(5 * 1024 * 1024)}"}`;
    await opened.library.refresh();
    expect(await stateOf(opened.app)).toMatchObject({ state: 'missing' });
  });

  test('never answers is given up', async () => {
    await using opened = await open();
    server.removeAllListeners('request');
    server.on('request', () => undefined);
    await opened.library.refresh();
    expect(await stateOf(opened.app)).toMatchObject({ detail: 'ledger did not answer within 500 ms.' });
  });
});

test('a kept document that is damaged is read again', async () => {
  await using first = await open();
  await first.library.refresh();
  const path = join(folder, 'documents', 'ledger.json');
  await writeFile(path, (await readFile(path, 'utf8')).slice(0, -5));
  await using second = await open();
  expect((await second.app.inject('/document.json')).statusCode).toBe(503);
  await second.library.refresh();
  expect(await stateOf(second.app)).toMatchObject({ state: 'current' });
});

test('readings asked for at once are one', async () => {
  await using opened = await open();
  await Promise.all([opened.library.refresh(), opened.library.refresh(), opened.library.refresh()]);
  expect(reads).toBe(1);
});

describe('reading again on demand', () => {
  const refresh = async (app: FastifyInstance, token?: string) =>
    await app.inject({
      method: 'POST',
      url: '/refresh',
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });

  test('is for operators', async () => {
    await using opened = await open();
    expect((await refresh(opened.app)).json().code).toBe('AUTH_TOKEN_MISSING');
    expect((await refresh(opened.app, await identity.userToken())).json().code).toBe('AUTH_ROLE_MISSING');
    expect((await refresh(opened.app, 'x')).json().code).toBe('AUTH_TOKEN_INVALID');
    expect(reads).toBe(0);
    const answer = await refresh(opened.app, await identity.userToken({ roles: ['operator'] }));
    expect(answer.statusCode).toBe(200);
    expect(answer.json().items[0]).toMatchObject({ service: 'ledger', state: 'current' });
    expect(reads).toBe(1);
  });
});

describe('bad input', () => {
  test.each([
    ['an unknown path', '/documents', 404, 'ROUTE_NOT_FOUND'],
    ['a service of strange letters', '/services/UPPER/document.json', 400, 'REQUEST_INVALID'],
    ['a path out', '/services/..%2f..%2fetc/document.json', 400, 'REQUEST_INVALID'],
    ['a malformed escape', '/services/%zz/document.json', 400, 'REQUEST_INVALID'],
  ])('%s', async (_name, url, status, code) => {
    await using opened = await open();
    const answer = await opened.app.inject(url);
    expect([answer.statusCode, answer.json().code]).toEqual([status, code]);
  });
});

test('openapi.json is what the service serves', async () => {
  await using opened = await open();
  const document: unknown = (await opened.app.inject('/openapi.json')).json();
  expect(Object.keys(openapiServerApi.operations)).toHaveLength(5);
  await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot('../openapi.json');
});

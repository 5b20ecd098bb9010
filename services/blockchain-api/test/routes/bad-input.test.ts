import { randomBytes, randomUUID } from 'node:crypto';
import type { Method } from '@lucid/common/apis/api';
import { blockchainApi } from '@lucid/common/apis/blockchain';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestChain, type TestChain } from '../../../../test/support/chain.ts';
import { offeredMethods } from '../../src/domain/rpc-methods.ts';
import { newAnchorContent } from '../anchor-content.ts';
import { openTestApp, type TestApp } from '../test-app.ts';

let chain: TestChain;
/** In front of a real chain; its anchor worker rests. */
let service: TestApp;
/** With a chain that is away. */
let alone: TestApp;

beforeAll(async () => {
  chain = await openTestChain();
  service = await openTestApp({ vmUrl: chain.vmUrl, identity: chain.identity });
  alone = await openTestApp();
});
afterAll(async () => {
  await alone?.[Symbol.asyncDispose]();
  await service?.[Symbol.asyncDispose]();
  await chain?.[Symbol.asyncDispose]();
});

interface Case {
  readonly name: string;
  readonly method: Method;
  readonly url: string;
  readonly body?: unknown;
  /** Of a service unless given; null sends none. */
  readonly token?: () => Promise<string> | null;
  readonly status: number;
  readonly code: string;
}

async function send({ method, url, body, token }: Case, to: TestApp = service) {
  const asked = token ? token() : to.identity.serviceToken('sessions', 'blockchain-api');
  const bearer = await asked;
  const answer = await to.app.inject({
    method,
    url,
    headers: {
      ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: answer.statusCode, body: answer.json<{ code: string }>() };
}

async function expectRefusal(given: Case, to?: TestApp): Promise<void> {
  const { status, body } = await send(given, to);
  expect(body).toMatchObject({ code: given.code, status: given.status });
  expect(status).toBe(given.status);
}

const anyHash = `0x${randomBytes(32).toString('hex')}`;
const anchor = newAnchorContent();
const post = (name: string, body: unknown, code = 'REQUEST_INVALID', status = 400): Case => ({
  name: `createAnchor: ${name}`,
  method: 'POST',
  url: '/anchors',
  body,
  status,
  code,
});
const get = (name: string, url: string, code = 'REQUEST_INVALID', status = 400): Case => ({
  name,
  method: 'GET',
  url,
  status,
  code,
});

describe('input that fits no schema, or no rule of the contract', () => {
  test.each<Case>([
    post('wrong type', { ...anchor, chunkCount: '3' }),
    post('no chunk', { ...anchor, chunkCount: 0 }),
    post('more chunks than a contract counts', { ...anchor, chunkCount: 2 ** 32 }),
    post('unknown field', { ...anchor, note: 'x' }),
    post('missing field', { ...anchor, owner: undefined }),
    post('a hash with 0x', { ...anchor, merkleRoot: anyHash }),
    post('a short hash', { ...anchor, manifestHash: 'ab' }),
    post('an upper-case session id', { ...anchor, sessionId: anchor.sessionId.toUpperCase().replace(/[0-9]/, 'A') }),
    post('a UUID of another version', { ...anchor, sessionId: '00000000-0000-1000-8000-000000000000' }),
    post('a time that is none', { ...anchor, startedAt: 'yesterday' }),
    post('too large', { ...anchor, note: 'x'.repeat(5000) }, 'REQUEST_TOO_LARGE', 413),
    post('not JSON', '{', 'REQUEST_BODY_MALFORMED', 400),
    post('prototype poisoning', '{"__proto__":{}}', 'REQUEST_BODY_MALFORMED', 400),
    post('the zero owner', { ...anchor, owner: `0x${'0'.repeat(40)}` }, 'ANCHOR_INVALID', 422),
    post('a zero root', { ...anchor, merkleRoot: '0'.repeat(64) }, 'ANCHOR_INVALID', 422),
    post('a zero manifest', { ...anchor, manifestHash: '0'.repeat(64) }, 'ANCHOR_INVALID', 422),
    post('a start before time', { ...anchor, startedAt: '1970-01-01T00:00:00.000Z' }, 'ANCHOR_INVALID', 422),
    get('listBlocks: wrong type', '/blocks?limit=many'),
    get('listBlocks: too many', '/blocks?limit=201'),
    get('listBlocks: unknown field', '/blocks?from=3'),
    get('listBlocks: no cursor of ours', '/blocks?cursor=abc', 'CURSOR_INVALID'),
    get('listBlocks: the cursor of another list', `/blocks?cursor=${encode(['anchors@1', 1])}`, 'CURSOR_INVALID'),
    get('getBlock: no block id', '/blocks/first'),
    get('getBlock: a hash in upper case', `/blocks/${anyHash.toUpperCase()}`),
    get('getBlock: not there', '/blocks/99999999', 'BLOCK_NOT_FOUND', 404),
    get('getBlock: a hash not there', `/blocks/${anyHash}`, 'BLOCK_NOT_FOUND', 404),
    get('listBlockTransactions: no block id', '/blocks/-1/transactions'),
    get('listBlockTransactions: not there', '/blocks/99999999/transactions', 'BLOCK_NOT_FOUND', 404),
    get('listBlockTransactions: cursor', '/blocks/latest/transactions?cursor=e30', 'CURSOR_INVALID'),
    get('getTransaction: no hash', '/transactions/0x12'),
    get('getTransaction: not there', `/transactions/${anyHash}`, 'TRANSACTION_NOT_FOUND', 404),
    get('getChain: unknown path below', '/chain/x', 'ROUTE_NOT_FOUND', 404),
    get('listAnchors: unknown status', '/anchors?status=lost'),
    get('listAnchors: cursor', '/anchors?cursor=xyz', 'CURSOR_INVALID'),
    get('listAnchors: a cursor below zero', `/anchors?cursor=${encode(['anchors@1', -1])}`, 'CURSOR_INVALID'),
    get(
      'listBlockTransactions: a cursor below zero',
      `/blocks/latest/transactions?cursor=${encode(['block-transactions@1', -1])}`,
      'CURSOR_INVALID',
    ),
    post('a leap second', { ...anchor, startedAt: '2016-12-31T23:59:60Z' }, 'ANCHOR_INVALID', 422),
    get('getAnchor: no session id', '/anchors/1'),
    get('getAnchor: not there', `/anchors/${randomUUID()}`, 'ANCHOR_NOT_FOUND', 404),
    get('getAnchorProof: no session id', '/anchors/1/proof'),
    get('getAnchorProof: not there', `/anchors/${randomUUID()}/proof`, 'ANCHOR_NOT_FOUND', 404),
    get('listParams: unknown path below', '/params/a/b', 'ROUTE_NOT_FOUND', 404),
    get('getParam: too long', `/params/${'x'.repeat(65)}`),
    get('getParam: not there', '/params/nothing', 'PARAM_NOT_FOUND', 404),
  ])('$name', async (given) => {
    await expectRefusal(given);
  });
});

describe('callers who may not', () => {
  const routes: [string, Method, string, unknown][] = [
    ['createAnchor', 'POST', '/anchors', anchor],
    ['listAnchors', 'GET', '/anchors', undefined],
    ['getAnchor', 'GET', `/anchors/${anchor.sessionId}`, undefined],
    ['getAnchorProof', 'GET', `/anchors/${anchor.sessionId}/proof`, undefined],
  ];
  const noRole: Case[] = routes.slice(0, 2).map(([name, method, url, body]) => ({
    name: `${name}: wrong role`,
    method,
    url,
    body,
    token: () => service.identity.userToken({ roles: ['user', 'recorder'] }),
    status: 403,
    code: 'AUTH_ROLE_MISSING',
  }));
  const noToken: Case[] = routes.flatMap(([name, method, url, body]) => [
    { name: `${name}: no token`, method, url, body, token: () => null, status: 401, code: 'AUTH_TOKEN_MISSING' },
    {
      name: `${name}: expired`,
      method,
      url,
      body,
      token: () => service.identity.userToken({ roles: ['operator'], lifeSec: -60 }),
      status: 401,
      code: 'AUTH_TOKEN_EXPIRED',
    },
    {
      name: `${name}: a token for another service`,
      method,
      url,
      body,
      token: () => service.identity.serviceToken('sessions', 'ledger'),
      status: 401,
      code: 'AUTH_AUDIENCE_WRONG',
    },
  ]);
  test.each([...noRole, ...noToken])('$name', async (given) => {
    await expectRefusal(given);
  });

  test('every operation that is not public is in this table', () => {
    const guarded = Object.entries(blockchainApi.operations).filter(([, { access }]) => access !== 'public');
    expect(guarded.map(([name]) => name).toSorted()).toEqual(routes.map(([name]) => name).toSorted());
  });
});

describe('a state that does not allow it', () => {
  test('other content for a session; a proof before it is confirmed', async () => {
    const content = newAnchorContent();
    expect((await send({ ...post('first', content), status: 201 })).status).toBe(201);
    expect((await send({ ...post('again', content), status: 200 })).status).toBe(200);
    await expectRefusal(post('other', { ...content, chunkCount: content.chunkCount + 1 }, 'ANCHOR_CONFLICT', 409));
    await expectRefusal(get('proof', `/anchors/${content.sessionId}/proof`, 'ANCHOR_NOT_CONFIRMED', 409));
  });

  test('the same content in another spelling is the same content', async () => {
    const content = newAnchorContent();
    await send(post('first', content));
    const owner = `0x${content.owner.slice(2).toUpperCase()}`;
    const startedAt = content.startedAt.replace('Z', '+00:00');
    expect((await send(post('again', { ...content, owner, startedAt }))).status).toBe(200);
  });

  test('pages of anchors: each once, newest first', async () => {
    const seen: string[] = [];
    let url = '/anchors?limit=1';
    for (;;) {
      const { body } = await send(get('page', url));
      const page = body as unknown as { items: { sessionId: string }[]; next?: string };
      seen.push(...page.items.map(({ sessionId }) => sessionId));
      if (!page.next) break;
      url = `/anchors?limit=1&cursor=${page.next}`;
    }
    const all = await service.anchors.list({ limit: 100 });
    expect(seen).toEqual(all.map(({ sessionId }) => sessionId));
    expect(seen.length).toBeGreaterThan(1);
  });
});

describe('a chain that is away', () => {
  test.each(['/chain', '/blocks', '/blocks/latest', `/transactions/${anyHash}`, '/params', '/params/maxChunkSize'])(
    '%s',
    async (url) => {
      await expectRefusal(get(url, url, 'DEPENDENCY_UNAVAILABLE', 503), alone);
    },
  );

  test('anchors are taken all the same', async () => {
    expect((await send(post('away', newAnchorContent()), alone)).status).toBe(201);
  });
});

describe('JSON-RPC over HTTP', () => {
  const rpc = async (payload: string, contentType = 'application/json', to = service) =>
    await to.app.inject({ method: 'POST', url: '/rpc', headers: { 'content-type': contentType }, payload });

  test('a body that is not JSON is -32700 with status 200', async () => {
    for (const text of ['{', '', '\u0000', '{"jsonrpc":"2.0",}']) {
      const answer = await rpc(text);
      expect(answer.statusCode).toBe(200);
      expect(answer.json()).toMatchObject({ jsonrpc: '2.0', id: null, error: { code: -32700 } });
    }
  });

  test('every method that is offered is one the chain has', async () => {
    const batch = offeredMethods.map((method) => ({ jsonrpc: '2.0', id: method, method, params: [] }));
    const operator = await service.identity.userToken({ roles: ['operator'] });
    const answer = await service.app.inject({
      method: 'POST',
      url: '/',
      headers: { authorization: `Bearer ${operator}` },
      payload: batch,
    });
    const answers = answer.json<{ id: string; error?: { code: number } }[]>();
    expect(answers.map(({ id }) => id)).toEqual(offeredMethods);
    expect(answers.filter(({ error }) => error?.code === -32601 || error?.code === -32001)).toEqual([]);
  });

  test('another content type and too large a body are HTTP errors', async () => {
    expect((await rpc('{}', 'text/plain')).json()).toMatchObject({ status: 415, code: 'MEDIA_TYPE_UNSUPPORTED' });
    const large = await rpc(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'x'.repeat(1024 * 1024) }));
    expect(large.json()).toMatchObject({ status: 413, code: 'REQUEST_TOO_LARGE' });
  });

  test('notifications alone are answered 204', async () => {
    const answer = await rpc('{"jsonrpc":"2.0","method":"eth_chainId"}');
    expect({ status: answer.statusCode, body: answer.body }).toEqual({ status: 204, body: '' });
  });

  test('a chain that is away is -32002', async () => {
    const answer = await rpc('{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}', 'application/json', alone);
    expect(answer.json()).toMatchObject({ id: 1, error: { code: -32002 } });
  });

  test('an answer over the limit is -32005, and the next one is not', async () => {
    await using narrow = await openTestApp({ vmUrl: chain.vmUrl, identity: chain.identity, responseBytesMax: 1024 });
    const block = '{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["0x0",false]}';
    expect((await rpc(block, 'application/json', narrow)).json()).toMatchObject({ id: 1, error: { code: -32005 } });
    const id = '{"jsonrpc":"2.0","id":2,"method":"eth_chainId"}';
    expect((await rpc(id, 'application/json', narrow)).json()).toMatchObject({ id: 2, result: '0x4f1b' });
  });
});

function encode(fields: unknown[]): string {
  return Buffer.from(JSON.stringify(fields)).toString('base64url');
}

import { parseHex } from '@lucid/common/formats/bytes';
import { openCheckpoint } from '@lucid/common/formats/checkpoint';
import { leafHash, verifyConsistency, verifyInclusion } from '@lucid/common/formats/merkle';
import { parseVerifierKey } from '@lucid/common/formats/note';
import { parseEntryBundle } from '@lucid/common/formats/tiles';
import { parseTlogProof, verifyTlogProof } from '@lucid/common/formats/tlog-proof';
import type { LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestLedger, type TestLedger } from '../../../test/support/ledger.ts';

type Appended = { leafIndex: number; leafHash: string; treeSize?: number; receipt?: string };

type AppendedBatch = {
  firstIndex: number;
  count: number;
  receipt?: { treeSize: number; checkpoint: string; proofs: string[][] };
};

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openTestLedger();
});
afterAll(() => ledger[Symbol.asyncDispose]());

const bearer = (token = ledger.token) => ({ authorization: `Bearer ${token}` });

async function post(url: string, payload: object, headers: Record<string, string> = {}) {
  return await ledger.app.inject({ method: 'POST', url, payload, headers: { ...bearer(), ...headers } });
}

async function postRaw(payload: Buffer, headers: Record<string, string> = {}) {
  const type = { 'content-type': 'application/octet-stream' };
  return await ledger.app.inject({
    method: 'POST',
    url: '/entries',
    payload,
    headers: { ...bearer(), ...type, ...headers },
  });
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const hash = (text: string): string => Buffer.from(leafHash(Buffer.from(text))).toString('hex');

describe('appending', () => {
  test('JSON and raw bytes are the same entry', async () => {
    const json = await post('/entries', { entry: base64('same') });
    expect(json.statusCode).toBe(201);
    expect(json.json()).toEqual({ leafIndex: expect.any(Number), leafHash: hash('same') });
    const raw = await postRaw(Buffer.from('same'));
    expect(raw.json<Appended>().leafHash).toBe(hash('same'));
    expect(raw.json<Appended>().leafIndex).toBe(json.json<Appended>().leafIndex + 1);
  });

  test('?receipt=1 adds a receipt that verifies offline', async () => {
    const response = await post('/entries?receipt=1', { entry: base64('with receipt') });
    const { receipt = '', treeSize, leafIndex } = response.json<Appended>();
    const proof = parseTlogProof(receipt);
    expect(proof.leafIndex).toBe(leafIndex);
    const verifiers = [parseVerifierKey(ledger.key.verifierKey)];
    const checkpoint = await verifyTlogProof(proof, leafHash(Buffer.from('with receipt')), verifiers);
    expect(checkpoint).toMatchObject({ treeSize, origin: 'ledger.test/lucid/lucid' });
    const again = await ledger.app.inject(`/entries/${leafIndex}/receipt`);
    expect(again.headers['content-type']).toBe('text/plain; charset=utf-8');
    await verifyTlogProof(parseTlogProof(again.payload), leafHash(Buffer.from('with receipt')), verifiers);
  });

  test('a batch takes neighbouring indexes; its receipt has the checkpoint once and a path of each', async () => {
    const response = await post('/entries:batch?receipt=1', { entries: ['x', 'y', 'z'].map(base64) });
    expect(response.statusCode).toBe(201);
    const { firstIndex, count, receipt } = response.json<AppendedBatch>();
    expect(count).toBe(3);
    const verifiers = [parseVerifierKey(ledger.key.verifierKey)];
    for (const [offset, text] of ['x', 'y', 'z'].entries()) {
      // Put together as the operation's description says.
      const lines = [`index ${firstIndex + offset}`, ...(receipt?.proofs[offset] ?? [])];
      const file = ['c2sp.org/tlog-proof@v1', ...lines, '', receipt?.checkpoint].join('\n');
      const checkpoint = await verifyTlogProof(parseTlogProof(file), leafHash(Buffer.from(text)), verifiers);
      expect(checkpoint.treeSize).toBe(receipt?.treeSize);
    }
  });

  test('the same Idempotency-Key answers the same index; other bytes under it are refused', async () => {
    const key = { 'idempotency-key': 'key-1' };
    const first = await post('/entries', { entry: base64('once') }, key);
    const again = await post('/entries', { entry: base64('once') }, key);
    expect(again.statusCode).toBe(201);
    expect(again.json()).toEqual(first.json());
    expect((await postRaw(Buffer.from('once'), key)).json()).toEqual(first.json());
    const other = await post('/entries', { entry: base64('twice') }, key);
    expect(other.statusCode).toBe(422);
    expect(other.json()).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });

  test('the largest entry fits, one more byte does not', async () => {
    expect((await postRaw(Buffer.alloc(4096, 1))).statusCode).toBe(201);
    const response = await postRaw(Buffer.alloc(4097, 1));
    expect(response.statusCode).toBe(413);
    expect(response.json()).toMatchObject({ code: 'LEDGER_ENTRY_TOO_LARGE' });
  });
});

type Request = { method: 'GET' | 'POST'; url: string; payload?: unknown; headers?: Record<string, string> };

describe('bad input is answered with its code', () => {
  const append = (payload: unknown, url = '/entries', headers: Record<string, string> = {}): Request => ({
    method: 'POST',
    url,
    payload,
    headers,
  });
  const get = (url: string): Request => ({ method: 'GET', url });
  const json = { 'content-type': 'application/json' };
  const octets = { 'content-type': 'application/octet-stream' };
  test.each<[string, Request, number, string]>([
    ['no entry', append({}), 400, 'REQUEST_INVALID'],
    ['an unknown field', append({ entry: 'AA==', extra: 1 }), 400, 'REQUEST_INVALID'],
    ['an entry that is a number', append({ entry: 7 }), 400, 'REQUEST_INVALID'],
    ['an entry that is not base64', append({ entry: '*' }), 400, 'REQUEST_INVALID'],
    ['base64 with loose bits', append({ entry: 'AB==' }), 400, 'REQUEST_INVALID'],
    ['an empty entry', append({ entry: '' }), 400, 'LEDGER_ENTRY_EMPTY'],
    ['no bytes', append(Buffer.alloc(0), '/entries', octets), 400, 'LEDGER_ENTRY_EMPTY'],
    ['broken JSON', append('{', '/entries', json), 400, 'REQUEST_BODY_MALFORMED'],
    ['another content type', append('a', '/entries', { 'content-type': 'text/plain' }), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    ['a body over all limits', append(Buffer.alloc(20_000), '/entries', octets), 413, 'REQUEST_TOO_LARGE'],
    ['an unknown query', append({ entry: 'AA==' }, '/entries?receipts=1'), 400, 'REQUEST_INVALID'],
    ['receipt=yes', append({ entry: 'AA==' }, '/entries?receipt=yes'), 400, 'REQUEST_INVALID'],
    [
      'a key with a space',
      append({ entry: 'AA==' }, '/entries', { 'idempotency-key': 'a b' }),
      400,
      'IDEMPOTENCY_KEY_INVALID',
    ],
    ['an empty batch', append({ entries: [] }, '/entries:batch'), 400, 'REQUEST_INVALID'],
    ['a batch of 1001', append({ entries: Array(1001).fill('AA==') }, '/entries:batch'), 400, 'REQUEST_INVALID'],
    ['a bad entry in a batch', append({ entries: ['AA==', 'AB=='] }, '/entries:batch'), 400, 'REQUEST_INVALID'],
    [
      'a large entry in a batch',
      append({ entries: [Buffer.alloc(4097).toString('base64')] }, '/entries:batch'),
      413,
      'LEDGER_ENTRY_TOO_LARGE',
    ],
    ['an index past the end', get('/entries/999999'), 404, 'LEDGER_ENTRY_NOT_FOUND'],
    ['a negative index', get('/entries/-1'), 400, 'REQUEST_INVALID'],
    ['an index that is a word', get('/entries/first'), 400, 'REQUEST_INVALID'],
    ['an unknown hash', get(`/entries/by-hash/${'0'.repeat(64)}`), 404, 'LEDGER_ENTRY_NOT_FOUND'],
    ['a hash in capitals', get(`/entries/by-hash/${'A'.repeat(64)}`), 400, 'REQUEST_INVALID'],
    ['a receipt of nothing', get('/entries/999999/receipt'), 404, 'LEDGER_ENTRY_NOT_FOUND'],
    ['a proof past the end', get('/proofs/inclusion?leafIndex=999999'), 400, 'LEDGER_RANGE_INVALID'],
    ['a proof in a future tree', get('/proofs/inclusion?leafIndex=0&treeSize=999999'), 400, 'LEDGER_RANGE_INVALID'],
    ['no index', get('/proofs/inclusion'), 400, 'REQUEST_INVALID'],
    ['consistency from 0', get('/proofs/consistency?oldSize=0'), 400, 'REQUEST_INVALID'],
    ['consistency backwards', get('/proofs/consistency?oldSize=3&newSize=2'), 400, 'LEDGER_RANGE_INVALID'],
    ['a foreign cursor', get('/entries?cursor=abc'), 400, 'CURSOR_INVALID'],
    ['a limit of 201', get('/entries?limit=201'), 400, 'REQUEST_INVALID'],
    ['a tile of the future', get('/tile/0/001'), 404, 'LEDGER_TILE_NOT_FOUND'],
    ['a tile of width 0', get('/tile/0/000.p/0'), 404, 'LEDGER_TILE_NOT_FOUND'],
    ['a tile of another spelling', get('/tile/0/0'), 404, 'LEDGER_TILE_NOT_FOUND'],
    ['a tile outside', get('/tile/0/..%2f..%2fcheckpoint'), 404, 'LEDGER_TILE_NOT_FOUND'],
    ['another path', get('/nothing'), 404, 'ROUTE_NOT_FOUND'],
  ])('%s', async (_name, { method, url, payload, headers }, status, code) => {
    const { treeSize } = ledger.host.log;
    const response = await ledger.app.inject({
      method,
      url,
      ...(payload === undefined ? {} : { payload: payload as object }),
      headers: { ...(method === 'POST' ? bearer() : {}), ...headers },
    });
    expect(response.json()).toMatchObject({ code, status });
    expect(response.statusCode).toBe(status);
    expect(ledger.host.log.treeSize).toBe(treeSize);
  });
});

describe('access', () => {
  const entry = { entry: 'AA==' };
  test.each([
    ['no token', undefined, 401, 'AUTH_TOKEN_MISSING'],
    ['a user', () => ledger.identity.userToken({ roles: ['user'] }), 403, 'AUTH_ROLE_MISSING'],
    ['an admin', () => ledger.identity.userToken({ roles: ['admin'] }), 403, 'AUTH_ROLE_MISSING'],
    ['an expired token', () => ledger.identity.userToken({ lifeSec: -60 }), 401, 'AUTH_TOKEN_EXPIRED'],
    ["another service's token", () => ledger.identity.serviceToken('sessions', 'vm'), 401, 'AUTH_AUDIENCE_WRONG'],
    ['an operator', () => ledger.identity.userToken({ roles: ['operator'] }), 201, undefined],
    ['a service', () => ledger.identity.serviceToken('vm', 'ledger'), 201, undefined],
  ])('%s appends', async (_who, token, status, code) => {
    for (const [url, payload] of [
      ['/entries', entry],
      ['/entries:batch', { entries: ['AA=='] }],
    ] as const) {
      const headers = token ? bearer(await token()) : {};
      const response = await ledger.app.inject({ method: 'POST', url, payload, headers });
      expect(response.statusCode).toBe(status);
      if (code) expect(response.json()).toMatchObject({ code });
    }
  });

  test('a seal or a block is its service\u2019s to append, and nobody else\u2019s, alone or among others', async () => {
    const { userToken, serviceToken } = ledger.identity;
    const tokens = {
      operator: await userToken({ roles: ['operator'] }),
      'an operator called vm': await userToken({ roles: ['operator'], subject: 'vm' }),
      vm: await serviceToken('vm', 'ledger'),
      sessions: await serviceToken('sessions', 'ledger'),
      governance: await serviceToken('governance', 'ledger'),
      api: await serviceToken('api', 'ledger'),
    };
    const owners = {
      '{"chainId":1,"type":"lucid/block@1"}': 'vm',
      '{"chunkCount":1,"type":"lucid/seal@1"}': 'sessions',
      '{"type":"lucid/governance@1"}': 'governance',
      '{"type":"lucid/audit@1"}': 'api',
      '{"type":"lucid/block@1","type":"lucid/seal@1"}': undefined,
      '{"type":"lucid/unheard@1"}': undefined,
    };
    for (const [text, owner] of Object.entries(owners)) {
      for (const [who, token] of Object.entries(tokens)) {
        const base64 = Buffer.from(text).toString('base64');
        for (const [url, payload] of [
          ['/entries', { entry: base64 }],
          ['/entries:batch', { entries: ['AA==', base64] }],
        ] as const) {
          const response = await ledger.app.inject({ method: 'POST', url, payload, headers: bearer(token) });
          const code = (response.json() as { code?: string }).code;
          expect([text, who, code]).toEqual([text, who, who === owner ? undefined : 'LEDGER_ENTRY_RESERVED']);
        }
      }
    }
    // In a client's own words it may stand: no verifier reads this as an entry of Lucid's.
    const payload = Buffer.from('{ "type": "lucid/block@1" }');
    const headers = { ...bearer(tokens.operator), 'content-type': 'application/octet-stream' };
    expect((await ledger.app.inject({ method: 'POST', url: '/entries', payload, headers })).statusCode).toBe(201);
  });

  test('reading needs no token; verifying the whole log needs an operator', async () => {
    for (const url of ['/entries', '/checkpoint', '/log', '/tile/0/000.p/1', '/proofs/inclusion?leafIndex=0']) {
      expect((await ledger.app.inject(url)).statusCode).toBe(200);
    }
    const verify = async (token: string) =>
      await ledger.app.inject({ method: 'POST', url: '/log/verify', headers: bearer(token) });
    expect((await verify(ledger.token)).json()).toMatchObject({ code: 'AUTH_ROLE_MISSING' });
    await ledger.host.log.publishedFor(ledger.host.log.treeSize);
    const report = await verify(await ledger.identity.userToken({ roles: ['operator'] }));
    expect(report.json()).toMatchObject({ isValid: true, treeSize: ledger.host.log.treeSize, problems: [] });
  });
});

describe('reading', () => {
  test('by index, by hash, and page by page, in order and without a gap', async () => {
    await post('/entries:batch', { entries: Array.from({ length: 120 }, (_, index) => base64(`page ${index}`)) });
    const found = await ledger.app.inject(`/entries/by-hash/${hash('page 7')}`);
    const { leafIndex } = found.json<Appended>();
    const byIndex = await ledger.app.inject(`/entries/${leafIndex}`);
    expect(byIndex.json()).toEqual({ leafIndex, leafHash: hash('page 7'), entry: base64('page 7') });
    expect(byIndex.headers['cache-control']).toContain('immutable');
    const seen: number[] = [];
    for (let url: string | undefined = '/entries?limit=50'; url; ) {
      const response: LightMyRequestResponse = await ledger.app.inject(url);
      const { items, next }: { items: Appended[]; next?: string } = response.json();
      seen.push(...items.map((item) => item.leafIndex));
      const [, link] = /^<(.*)>; rel="next"$/.exec(String(response.headers.link)) ?? [];
      url = next && `/entries?limit=50&cursor=${next}`;
      // It leads on from whatever path the list was asked under.
      expect(link && URL.parse(link, 'http://gateway/api/v1/ledger/entries?from=1')?.href).toBe(
        url && `http://gateway/api/v1/ledger${url}`,
      );
    }
    expect(seen).toEqual(Array.from({ length: ledger.host.log.treeSize }, (_, index) => index));
    const middle = await ledger.app.inject('/entries?from=5&limit=2');
    expect(middle.json<{ items: Appended[] }>().items.map((item) => item.leafIndex)).toEqual([5, 6]);
    expect((await ledger.app.inject('/entries?from=999999')).json()).toEqual({ items: [] });
  });

  test('a cursor nobody gave out is refused, also one below zero', async () => {
    for (const fields of [
      ['ledger.entries@1', -5],
      ['ledger.entries@1', 2 ** 53],
      ['blocks@1', 1],
    ]) {
      const cursor = Buffer.from(JSON.stringify(fields)).toString('base64url');
      const response = await ledger.app.inject(`/entries?cursor=${cursor}`);
      expect(response.json()).toMatchObject({ status: 400, code: 'CURSOR_INVALID' });
    }
  });

  test('of entries that are the same, the first is found by hash', async () => {
    const first = await post('/entries', { entry: base64('duplicate') });
    await post('/entries', { entry: base64('duplicate') });
    const found = await ledger.app.inject(`/entries/by-hash/${hash('duplicate')}`);
    expect(found.json<Appended>().leafIndex).toBe(first.json<Appended>().leafIndex);
  });

  test('proofs verify', async () => {
    const { treeSize } = ledger.host.log.published;
    const inclusion = (await ledger.app.inject('/proofs/inclusion?leafIndex=3')).json();
    verifyInclusion({
      leafIndex: 3,
      treeSize,
      leafHash: parseHex(inclusion.leafHash),
      rootHash: parseHex(inclusion.rootHash),
      proof: inclusion.proof.map((text: string) => parseHex(text)),
    });
    const consistency = (await ledger.app.inject('/proofs/consistency?oldSize=5')).json();
    verifyConsistency({
      oldSize: 5,
      newSize: treeSize,
      oldRoot: parseHex(consistency.oldRoot),
      newRoot: parseHex(consistency.newRoot),
      proof: consistency.proof.map((text: string) => parseHex(text)),
    });
    const { rootHash } = (await ledger.app.inject('/proofs/inclusion?leafIndex=0&treeSize=5')).json();
    expect(rootHash).toBe(consistency.oldRoot);
  });

  test('checkpoint, tiles and bundles are what a C2SP client expects', async () => {
    const key = (await ledger.app.inject('/log')).json();
    const checkpoint = await ledger.app.inject('/checkpoint');
    expect(checkpoint.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-cache',
    });
    const { treeSize } = await openCheckpoint(checkpoint.payload, [parseVerifierKey(key.verifierKey)]);
    expect(treeSize).toBe(key.treeSize);
    const width = Math.min(treeSize, 255);
    const tile = await ledger.app.inject(`/tile/0/000.p/${width}`);
    expect(tile.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'cache-control': 'public, max-age=31536000, immutable',
    });
    const bundle = await ledger.app.inject(`/tile/entries/000.p/${width}`);
    const hashes = parseEntryBundle(bundle.rawPayload).map((entry) => Buffer.from(leafHash(entry)));
    expect(Buffer.concat(hashes)).toEqual(tile.rawPayload);
  });

  test('metrics count what was committed', async () => {
    const metrics = (await ledger.app.inject('/metrics')).payload;
    expect(metrics).toMatch(new RegExp(`ledger_tree_size(\\{.*\\})? ${ledger.host.log.treeSize}`));
    expect(metrics).toMatch(/ledger_entries_total(\{.*\})? [1-9]/);
  });
});

import { packedEntriesType } from '@lucid/common/apis/ledger-schemas';
import { leafHash } from '@lucid/common/formats/merkle';
import { parseVerifierKey } from '@lucid/common/formats/note';
import { encodeEntryBundle, parseEntryBundle } from '@lucid/common/formats/tiles';
import { parseTlogProof, verifyTlogProof } from '@lucid/common/formats/tlog-proof';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestLedger, type TestLedger } from '../../../../test/support/ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openTestLedger();
});
afterAll(() => ledger[Symbol.asyncDispose]());

type Headers = Record<string, string>;

async function postPacked(payload: Buffer, headers: Headers = {}, url = '/entries:batch') {
  const own = { authorization: `Bearer ${ledger.token}`, 'content-type': packedEntriesType };
  return await ledger.app.inject({ method: 'POST', url, payload, headers: { ...own, ...headers } });
}

async function postJson(payload: object, headers: Headers = {}) {
  const own = { authorization: `Bearer ${ledger.token}` };
  return await ledger.app.inject({ method: 'POST', url: '/entries:batch', payload, headers: { ...own, ...headers } });
}

async function add(payload: Buffer | undefined, headers: Headers = {}) {
  const own = { authorization: `Bearer ${ledger.token}` };
  const body = payload === undefined ? {} : { payload };
  return await ledger.app.inject({ method: 'POST', url: '/add', ...body, headers: { ...own, ...headers } });
}

const pack = (...texts: string[]): Buffer =>
  Buffer.from(encodeEntryBundle(texts.map((text) => Buffer.from(text, 'latin1'))));

describe('a packed batch', () => {
  test('is appended as it came, and read back as it was', async () => {
    const packed = pack('one', 'two', 'three');
    const response = await postPacked(packed);
    expect(response.statusCode).toBe(201);
    const { firstIndex, count } = response.json<{ firstIndex: number; count: number }>();
    expect(count).toBe(3);
    const range = await ledger.app.inject(`/entries:batch?from=${firstIndex}&limit=3`);
    expect(range.rawPayload).toEqual(packed);
    const last = await ledger.app.inject(`/entries/${firstIndex + 2}`);
    expect(last.json()).toMatchObject({ entry: Buffer.from('three').toString('base64') });
  });

  test('under one Idempotency-Key is the same in JSON, and the same for ever', async () => {
    const key = { 'idempotency-key': 'batch-1' };
    const first = await postPacked(pack('a', 'b'), key);
    const { treeSize } = ledger.host.log;
    expect((await postPacked(pack('a', 'b'), key)).json()).toEqual(first.json());
    expect((await postJson({ entries: ['YQ==', 'Yg=='] }, key)).json()).toEqual(first.json());
    expect(ledger.host.log.treeSize).toBe(treeSize);
    expect((await postPacked(pack('a', 'c'), key)).json()).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    expect((await postPacked(pack('ab'), key)).json()).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });

  test('has a receipt of each entry', async () => {
    const texts = Array.from({ length: 300 }, (_, at) => `entry ${at}`);
    const response = await postPacked(pack(...texts), {}, '/entries:batch?receipt=1');
    const { firstIndex, receipt } = response.json<{
      firstIndex: number;
      receipt: { treeSize: number; checkpoint: string; proofs: string[][] };
    }>();
    expect(receipt.proofs).toHaveLength(300);
    const verifiers = [parseVerifierKey(ledger.key.verifierKey)];
    for (const at of [0, 1, 255, 299]) {
      const path = receipt.proofs[at] ?? [];
      const file = ['c2sp.org/tlog-proof@v1', `index ${firstIndex + at}`, ...path, '', receipt.checkpoint].join('\n');
      const hash = leafHash(Buffer.from(texts[at] ?? ''));
      expect((await verifyTlogProof(parseTlogProof(file), hash, verifiers)).treeSize).toBe(receipt.treeSize);
    }
  });

  const size = (bytes: number): string => String.fromCharCode(bytes >>> 8, bytes & 255);
  const raw = (text: string): Buffer => Buffer.from(text, 'latin1');
  test.each<[string, Buffer, number, string]>([
    ['no bytes', Buffer.alloc(0), 400, 'LEDGER_BATCH_MALFORMED'],
    ['a cut size', raw('\0'), 400, 'LEDGER_BATCH_MALFORMED'],
    ['a size past the end', raw(`${size(1)}a${size(9)}b`), 400, 'LEDGER_BATCH_MALFORMED'],
    ['an entry of no bytes', raw(`${size(1)}a${size(0)}`), 400, 'LEDGER_ENTRY_EMPTY'],
    ['a large entry', raw(size(4097) + 'x'.repeat(4097)), 413, 'LEDGER_ENTRY_TOO_LARGE'],
    ['1001 entries', raw(`${size(1)}a`.repeat(1001)), 413, 'LEDGER_BATCH_TOO_LARGE'],
    ['more bytes than any batch', Buffer.alloc(6 * 1024 * 1024 + 1), 413, 'REQUEST_TOO_LARGE'],
    ['an entry of another’s', pack('a', '{"type":"lucid/block@1"}'), 403, 'LEDGER_ENTRY_RESERVED'],
  ])('of %s appends nothing', async (_name, payload, status, code) => {
    const { treeSize } = ledger.host.log;
    const response = await postPacked(payload);
    expect(response.json()).toMatchObject({ status, code });
    expect(ledger.host.log.treeSize).toBe(treeSize);
  });
});

describe('a range as bytes', () => {
  test('ends with the log, and is empty past it', async () => {
    await postPacked(pack(...Array.from({ length: 300 }, (_, at) => `range ${at}`)));
    const { treeSize } = ledger.host.log;
    const whole = await ledger.app.inject('/entries:batch?from=0');
    expect(parseEntryBundle(whole.rawPayload, 1000)).toHaveLength(256);
    expect(whole.headers).toMatchObject({
      'content-type': packedEntriesType,
      'cache-control': 'public, max-age=31536000, immutable',
    });
    const end = await ledger.app.inject(`/entries:batch?from=${treeSize - 2}&limit=1000`);
    expect(parseEntryBundle(end.rawPayload).map((entry) => Buffer.from(entry).toString())).toEqual([
      'range 298',
      'range 299',
    ]);
    // It will be longer when the log is.
    expect(end.headers['cache-control']).toBe('no-cache');
    const past = await ledger.app.inject(`/entries:batch?from=${treeSize}`);
    expect([past.statusCode, past.rawPayload.length]).toEqual([200, 0]);
  });

  test.each(['from=-1', 'from=0&limit=0', 'from=0&limit=1001', 'limit=5', 'from=0&to=5'])(
    '?%s is refused',
    async (query) => {
      const response = await ledger.app.inject(`/entries:batch?${query}`);
      expect(response.json()).toMatchObject({ status: 400, code: 'REQUEST_INVALID' });
    },
  );
});

describe('/add', () => {
  test('answers the index in ASCII, whatever the type of the body, or none', async () => {
    for (const type of [undefined, 'text/plain', 'application/json', 'application/octet-stream']) {
      const { treeSize } = ledger.host.log;
      const response = await add(Buffer.from('{"any": bytes'), type === undefined ? {} : { 'content-type': type });
      expect([type, response.statusCode, response.payload]).toEqual([type, 200, String(treeSize)]);
      expect(response.headers['content-type']).toBe('text/plain; charset=utf-8');
    }
  });

  test('keeps the rules of every append', async () => {
    expect((await add(Buffer.alloc(0))).json()).toMatchObject({ code: 'LEDGER_ENTRY_EMPTY' });
    expect((await add(undefined)).json()).toMatchObject({ code: 'LEDGER_ENTRY_EMPTY' });
    expect((await add(Buffer.alloc(4097))).json()).toMatchObject({ code: 'LEDGER_ENTRY_TOO_LARGE' });
    expect((await add(Buffer.alloc(17_000))).json()).toMatchObject({ code: 'REQUEST_TOO_LARGE' });
    const block = Buffer.from('{"type":"lucid/block@1"}');
    expect((await add(block)).json()).toMatchObject({ code: 'LEDGER_ENTRY_RESERVED' });
    const authorization = `Bearer ${await ledger.identity.userToken({ roles: ['user'] })}`;
    expect((await add(Buffer.from('x'), { authorization })).json()).toMatchObject({ code: 'AUTH_ROLE_MISSING' });
    const key = { 'idempotency-key': 'add-1' };
    expect((await add(Buffer.from('x'), key)).payload).toBe((await add(Buffer.from('x'), key)).payload);
  });
});

describe('by key', () => {
  const find = async (token: string, key: string) =>
    await ledger.app.inject({
      url: `/entries/by-key?${new URLSearchParams({ key }).toString()}`,
      headers: { authorization: `Bearer ${token}` },
    });

  test('a subject finds its own appends, single and several', async () => {
    const batch = await postPacked(pack('k1', 'k2'), { 'idempotency-key': 'find-batch' });
    const single = await add(Buffer.from('k3'), { 'idempotency-key': 'find-one' });
    const found = await find(ledger.token, 'find-batch');
    expect(found.json()).toEqual(batch.json());
    expect(found.headers['cache-control']).toBe('private, no-cache');
    expect((await find(ledger.token, 'find-one')).json()).toEqual({ firstIndex: Number(single.payload), count: 1 });
  });

  test('and nothing of another’s', async () => {
    await add(Buffer.from('mine'), { 'idempotency-key': 'mine' });
    const other = await ledger.identity.serviceToken('vm', 'ledger');
    expect((await find(other, 'mine')).json()).toMatchObject({ status: 404, code: 'LEDGER_KEY_NOT_FOUND' });
    expect((await find(ledger.token, 'never')).json()).toMatchObject({ code: 'LEDGER_KEY_NOT_FOUND' });
    expect((await find(ledger.token, 'a b')).json()).toMatchObject({ code: 'IDEMPOTENCY_KEY_INVALID' });
    expect((await find(ledger.token, '')).json()).toMatchObject({ code: 'REQUEST_INVALID' });
    expect((await ledger.app.inject('/entries/by-key?key=mine')).json()).toMatchObject({ code: 'AUTH_TOKEN_MISSING' });
  });
});

import { gunzipSync } from 'node:zlib';
import { packedEntriesType } from '@lucid/common/apis/ledger-schemas';
import { leafHash } from '@lucid/common/formats/merkle';
import { encodeEntryBundle, parseEntryBundle } from '@lucid/common/formats/tiles';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestLedger, type TestLedger } from '../../../../test/support/ledger.ts';
import { BundleCache } from '../../src/routes/bundle-cache.ts';
import { readBundle, readEntriesOf } from '../../src/routes/served-logs.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openTestLedger();
  await append(300);
});
afterAll(() => ledger[Symbol.asyncDispose]());

const immutable = 'public, max-age=31536000, immutable';

/** Appends so many entries that compress well, and waits until they are published. */
async function append(count: number): Promise<void> {
  const entries = Array.from({ length: count }, (_, at) => Buffer.from(`{"text":"always much the same","at":${at}}`));
  const headers = { authorization: `Bearer ${ledger.token}`, 'content-type': packedEntriesType };
  const payload = Buffer.from(encodeEntryBundle(entries));
  const url = '/entries:batch?receipt=1';
  expect((await ledger.app.inject({ method: 'POST', url, payload, headers })).statusCode).toBe(201);
}

async function get(url: string, headers: Record<string, string> = {}) {
  return await ledger.app.inject({ url, headers });
}

describe('the checkpoint', () => {
  test('has a tag of its content, and is not sent to who has it', async () => {
    const first = await get('/checkpoint');
    const etag = String(first.headers.etag);
    expect(first.headers['cache-control']).toBe('no-cache');
    for (const known of [etag, `W/${etag}`, `"another", ${etag}`, '*']) {
      const again = await get('/checkpoint', { 'if-none-match': known });
      expect([again.statusCode, again.payload, again.headers.etag]).toEqual([304, '', etag]);
    }
    await append(1);
    const newer = await get('/checkpoint', { 'if-none-match': etag });
    expect(newer.statusCode).toBe(200);
    expect(newer.headers.etag).not.toBe(etag);
    expect(newer.payload).not.toBe(first.payload);
  });
});

describe('a bundle', () => {
  test('is compressed for who takes it, with the same bytes inside', async () => {
    const plain = await get('/tile/entries/000');
    const small = await get('/tile/entries/000', { 'accept-encoding': 'gzip, deflate' });
    expect(plain.headers).toMatchObject({ 'cache-control': immutable, vary: 'Accept-Encoding' });
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(small.headers).toMatchObject({
      'cache-control': immutable,
      'content-encoding': 'gzip',
      'content-type': 'application/octet-stream',
      vary: 'Accept-Encoding',
    });
    expect(gunzipSync(small.rawPayload)).toEqual(plain.rawPayload);
    expect(small.rawPayload.length).toBeLessThan(plain.rawPayload.length / 4);
    expect(Number(small.headers['content-length'])).toBe(small.rawPayload.length);
  });

  test('leads to its tile, in every width there was', async () => {
    for (const width of [1, 2, 100, 255]) {
      const tile = await get(`/tile/0/000.p/${width}`);
      const bundle = await get(`/tile/entries/000.p/${width}`);
      const hashes = parseEntryBundle(bundle.rawPayload).map((entry) => leafHash(entry));
      expect(hashes).toHaveLength(width);
      expect(Buffer.concat(hashes)).toEqual(tile.rawPayload);
      expect([tile.headers['cache-control'], bundle.headers['cache-control']]).toEqual([immutable, immutable]);
    }
  });

  test('is read once, however often it is asked for', async () => {
    const { treeSize } = ledger.host.log.published;
    const url = `/tile/entries/001.p/${treeSize - 256}`;
    const count = async (name: string) => {
      const { payload } = await get('/metrics');
      return Number(
        new RegExp(`^ledger_bundle_cache_${name}\\{[^}]*log="lucid"[^}]*\\} (\\d+)$`, 'm').exec(payload)?.[1],
      );
    };
    const [hits, misses] = [await count('hits'), await count('misses')];
    const answers = [await get(url), await get(url), await get(url, { 'accept-encoding': 'gzip' })];
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
    expect([await count('hits'), await count('misses')]).toEqual([hits + 2, misses + 1]);
  });

  test('keeps no more than itself in memory, not the record of the disk it was part of', async () => {
    const { host } = ledger;
    const served = { name: 'lucid', host, bundles: new BundleCache(1024 * 1024), isVerifying: false };
    const { bytes } = await readBundle(served, 0, 200);
    expect(served.bundles.bytes).toBe(bytes.length);
    expect(bytes.buffer.byteLength).toBe(bytes.length);
    // Nor do the entries a follower is told.
    for (const [first, end] of [
      [10, 256],
      [10, 20],
    ] as const) {
      const entries = await readEntriesOf(served, first, end);
      expect(entries).toHaveLength(end - first);
      expect(entries.every(({ buffer }) => buffer.byteLength <= 256 * 64)).toBe(true);
    }
  });

  test('past what is published is not there', async () => {
    const { treeSize } = ledger.host.log.published;
    const answer = await get(`/tile/entries/001.p/${treeSize - 256 + 1}`);
    expect(answer.json()).toMatchObject({ status: 404, code: 'LEDGER_TILE_NOT_FOUND' });
    expect(answer.headers['cache-control'] ?? 'none').not.toContain('immutable');
  });
});

describe('an inclusion proof', () => {
  test('is the same by index and by leaf hash, at any published size', async () => {
    const { leafHash: hash } = (await get('/entries/7')).json<{ leafHash: string }>();
    for (const size of ['', '&treeSize=8', '&treeSize=255', '&treeSize=256', '&treeSize=300']) {
      const byIndex = await get(`/proofs/inclusion?leafIndex=7${size}`);
      expect(byIndex.statusCode).toBe(200);
      expect((await get(`/proofs/inclusion?leafHash=${hash}${size}`)).json()).toEqual(byIndex.json());
    }
  });

  test.each([
    ['neither', '', 400, 'REQUEST_INVALID'],
    ['both', `leafIndex=0&leafHash=${'0'.repeat(64)}`, 400, 'REQUEST_INVALID'],
    ['an unknown hash', `leafHash=${'0'.repeat(64)}`, 404, 'LEDGER_ENTRY_NOT_FOUND'],
    ['half a hash', 'leafHash=00', 400, 'REQUEST_INVALID'],
    ['a tree before it', 'leafIndex=7&treeSize=7', 400, 'LEDGER_RANGE_INVALID'],
  ])('of %s is refused', async (_name, query, status, code) => {
    expect((await get(`/proofs/inclusion?${query}`)).json()).toMatchObject({ status, code });
  });
});

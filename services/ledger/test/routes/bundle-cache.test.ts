import { randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { acceptsGzip, BundleCache } from '../../src/routes/bundle-cache.ts';

const text = (size: number) => async () => Buffer.alloc(size, 'ledger ');

describe('the cache of bundles', () => {
  test('reads a bundle once and compresses it once', async () => {
    const cache = new BundleCache(100_000);
    const first = await cache.get('a', true, text(10_000));
    expect(first.encoding).toBe('gzip');
    expect(gunzipSync(first.bytes)).toEqual(await text(10_000)());
    const never = () => Promise.reject(new Error('it is kept'));
    expect((await cache.get('a', true, never)).bytes).toBe(first.bytes);
    expect((await cache.get('a', false, never)).bytes).toEqual(await text(10_000)());
    expect([cache.hits, cache.misses]).toEqual([2, 1]);
    expect(cache.bytes).toBe(10_000 + first.bytes.length);
  });

  test('is asked by many at once and reads once; a read that fails is tried again', async () => {
    const cache = new BundleCache(100_000);
    await expect(cache.get('a', false, () => Promise.reject(new Error('EIO')))).rejects.toThrow('EIO');
    let reads = 0;
    const read = async () => {
      reads += 1;
      return await text(1000)();
    };
    const answers = await Promise.all(Array.from({ length: 50 }, () => cache.get('a', false, read)));
    expect(new Set(answers.map(({ bytes }) => bytes)).size).toBe(1);
    expect([reads, cache.hits, cache.misses, cache.bytes]).toEqual([1, 49, 2, 1000]);
  });

  test('leaves bytes that do not shrink as they are', async () => {
    const bytes = randomBytes(10_000);
    const cache = new BundleCache(100_000);
    const read = () => Promise.resolve(bytes);
    expect(await cache.get('a', true, read)).toEqual({ bytes, encoding: 'identity' });
    expect(cache.bytes).toBe(10_000);
  });

  test('lets go of what was asked for longest ago, and keeps count of its bytes', async () => {
    const cache = new BundleCache(2500);
    await cache.get('a', false, text(1000));
    await cache.get('b', false, text(1000));
    await cache.get('a', false, text(1000));
    await cache.get('c', false, text(1000));
    expect(cache.bytes).toBe(2000);
    await cache.get('a', false, text(1000));
    expect([cache.hits, cache.misses]).toEqual([2, 3]);
    await cache.get('b', false, text(1000));
    expect(cache.misses).toBe(4);
  });

  test('keeps nothing that is larger than all of it, and answers it', async () => {
    const cache = new BundleCache(500);
    expect((await cache.get('a', true, text(10_000))).encoding).toBe('gzip');
    expect(cache.bytes).toBe(0);
  });

  test('two who ask at once for the same leave its bytes counted once', async () => {
    const cache = new BundleCache(100_000);
    await Promise.all([cache.get('a', false, text(1000)), cache.get('a', false, text(1000))]);
    expect(cache.bytes).toBe(1000);
  });

  test('keeps nothing of a read that failed', async () => {
    const cache = new BundleCache(100_000);
    await expect(cache.get('a', true, () => Promise.reject(new Error('the disk')))).rejects.toThrow('the disk');
    expect((await cache.get('a', false, text(1000))).bytes).toHaveLength(1000);
  });
});

test.each<[string | undefined, boolean]>([
  [undefined, false],
  ['', false],
  ['gzip', true],
  ['GZIP', true],
  ['br, gzip;q=0.5', true],
  ['gzip;q=0', false],
  ['gzip; q=0.000, *', false],
  ['*', true],
  ['*;q=0', false],
  ['identity', false],
  ['xgzip', false],
])('Accept-Encoding %j takes gzip: %j', (header, isTaken) => {
  expect(acceptsGzip(header)).toBe(isTaken);
});

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBatch, type KeyValueStore } from '../../src/storage/kv.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');
const text = (value: Uint8Array | undefined): string | undefined => value && Buffer.from(value).toString('utf8');

async function put(store: KeyValueStore, entries: Record<string, string>): Promise<void> {
  const batch = createBatch();
  for (const [key, value] of Object.entries(entries)) batch.put(bytes(key), bytes(value));
  await store.write(batch, { sync: true });
}

async function keysOf(range: AsyncIterable<[Uint8Array, Uint8Array]>): Promise<string[]> {
  const keys: string[] = [];
  for await (const [key] of range) keys.push(Buffer.from(key).toString('utf8'));
  return keys;
}

/** What every KeyValueStore promises. `location` names one store: opening it again finds what was written. */
export function keyValueStoreContract(
  name: string,
  backend: { location: () => Promise<string>; open: (location: string) => Promise<KeyValueStore> },
): void {
  describe(`${name} keeps the KeyValueStore contract`, () => {
    let location: string;
    let store: KeyValueStore;
    beforeEach(async () => {
      location = await backend.location();
      store = await backend.open(location);
    });
    afterEach(() => store.close());

    test('a value is found by its key, in both ways, and get throws where there is none', async () => {
      await put(store, { a: '1' });
      expect(text(await store.get(bytes('a')))).toBe('1');
      expect(text(store.findSync(bytes('a')))).toBe('1');
      expect(await store.find(bytes('b'))).toBeUndefined();
      expect(store.findSync(bytes('b'))).toBeUndefined();
      await expect(store.get(bytes('b'))).rejects.toMatchObject({ code: 'STORE_KEY_NOT_FOUND', status: 404 });
    });

    test('keys and values are any bytes, the empty value too', async () => {
      const batch = createBatch();
      const key = Uint8Array.from([0, 0xff, 0x0a]);
      batch.put(key, new Uint8Array());
      await store.write(batch, { sync: false });
      expect(await store.get(key)).toHaveLength(0);
    });

    test('within a batch the last operation on a key wins', async () => {
      await put(store, { a: '0' });
      const batch = createBatch();
      batch.put(bytes('a'), bytes('1'));
      batch.del(bytes('a'));
      batch.put(bytes('b'), bytes('1'));
      batch.put(bytes('b'), bytes('2'));
      await store.write(batch, { sync: true });
      expect(store.findSync(bytes('a'))).toBeUndefined();
      expect(text(store.findSync(bytes('b')))).toBe('2');
    });

    test('callbacks run after the write, in order', async () => {
      const seen: string[] = [];
      const batch = createBatch();
      batch.put(bytes('a'), bytes('1'));
      batch.afterCommit(() => seen.push(`first ${text(store.findSync(bytes('a')))}`));
      batch.afterCommit(() => seen.push('second'));
      await store.write(batch, { sync: true });
      expect(seen).toEqual(['first 1', 'second']);
    });

    test('batches become visible in the order write was called, and their callbacks run in it', async () => {
      const seen: number[] = [];
      for (let round = 0; round < 300; round += 1) {
        const writes = Array.from({ length: 4 }, async (_, index) => {
          const batch = createBatch();
          batch.put(bytes('a'), bytes(String(index)));
          batch.afterCommit(() => seen.push(index));
          await store.write(batch, { sync: false });
        });
        await Promise.all(writes);
        expect(text(store.findSync(bytes('a')))).toBe('3');
      }
      expect(seen).toEqual(Array.from({ length: 1200 }, (_, index) => index % 4));
    });

    test('closing waits for what was written', async () => {
      const writes = Array.from({ length: 20 }, (_, index) => put(store, { [`k${index}`]: '1' }));
      await store.close();
      await Promise.all(writes);
      store = await backend.open(location);
      expect(await keysOf(store.range())).toHaveLength(20);
    });

    test('ranges follow unsigned byte order, both ways, with bounds and limit', async () => {
      await put(store, { a: '', b: '', c: '', d: '' });
      const high = createBatch();
      high.put(Uint8Array.from([0x7f]), bytes(''));
      high.put(Uint8Array.from([0x80]), bytes(''));
      await store.write(high, { sync: false });
      expect((await keysOf(store.range())).slice(0, 4)).toEqual(['a', 'b', 'c', 'd']);
      expect(await keysOf(store.range({ gt: bytes('a'), lte: bytes('c') }))).toEqual(['b', 'c']);
      expect(await keysOf(store.range({ gte: bytes('a'), lt: bytes('c'), reverse: true }))).toEqual(['b', 'a']);
      expect(await keysOf(store.range({ lt: bytes('e'), reverse: true, limit: 2 }))).toEqual(['d', 'c']);
      expect(await keysOf(store.range({ limit: 0 }))).toEqual([]);
    });

    test('a range and a snapshot do not see what is written later', async () => {
      await put(store, { a: '1', b: '1' });
      const range = store.range();
      await using snapshot = store.snapshot();
      await put(store, { a: '2', c: '2' });
      expect(await keysOf(range)).toEqual(['a', 'b']);
      expect(await keysOf(snapshot.range())).toEqual(['a', 'b']);
      expect(text(await snapshot.find(bytes('a')))).toBe('1');
      expect(text(snapshot.findSync(bytes('a')))).toBe('1');
      expect(text(store.findSync(bytes('a')))).toBe('2');
    });

    test('a range that is left early lets go of the store', async () => {
      await put(store, { a: '1', b: '1' });
      for await (const [key] of store.range()) {
        expect(text(key)).toBe('a');
        break;
      }
      await store.close();
    });

    test('what was written is there after closing and opening', async () => {
      await put(store, { a: '1' });
      await store.close();
      await store.close();
      store = await backend.open(location);
      expect(text(await store.get(bytes('a')))).toBe('1');
    });

    test('a closed store refuses with its own code, also in the middle of a range', async () => {
      await put(store, Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`k${index}`, 'x'.repeat(1000)])));
      const range = store.range();
      await range.next();
      await store.close();
      const closed = { code: 'STORE_CLOSED', status: 503 };
      await expect(keysOf(range)).rejects.toMatchObject(closed);
      await expect(store.find(bytes('a'))).rejects.toMatchObject(closed);
      expect(() => store.findSync(bytes('a'))).toThrow(expect.objectContaining(closed));
      expect(() => store.range()).toThrow(expect.objectContaining(closed));
      await expect(put(store, { a: '1' })).rejects.toMatchObject(closed);
      expect(store.failure).toBeUndefined();
    });

    test('a second opener is refused while the first has it', async () => {
      await expect(backend.open(location)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    });

    test('after a failed write every later one is refused until the store is opened anew', async () => {
      const seen: string[] = [];
      await put(store, { a: '1' });
      const broken = createBatch();
      broken.put(bytes('b'), undefined as unknown as Uint8Array);
      broken.afterCommit(() => seen.push('committed'));
      await expect(store.write(broken, { sync: true })).rejects.toMatchObject({ code: 'STORE_FAILED', status: 503 });
      await expect(put(store, { c: '1' })).rejects.toMatchObject({ code: 'STORE_FAILED' });
      expect(store.failure).toMatchObject({ code: 'STORE_FAILED' });
      await expect(put(store, { d: '1' })).rejects.toBe(store.failure);
      expect(seen).toEqual([]);
      expect(text(await store.get(bytes('a')))).toBe('1');
      await store.close();
      store = await backend.open(location);
      expect(store.failure).toBeUndefined();
      await put(store, { c: '1' });
      expect(await keysOf(store.range())).toEqual(['a', 'c']);
    });
  });
}

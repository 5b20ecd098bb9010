import assert from 'node:assert/strict';
import { TILE_WIDTH } from '@lucid/common/formats/tiles';
import { createBatch, type KeyValueStore } from '@lucid/common/storage/kv';
import type { LevelStoreOptions } from '@lucid/common/storage/level-store';
import { parseUint64be, uint64be, writeUint64be } from '@lucid/common/storage/prefix';
import type { KeyedAppend, LogCommit, LogStore, TreeState } from '../domain/log-store.ts';
import { startError } from '../errors.ts';

/**
 * A log in an ordered key-value store, format 2. Numbers are big-endian, uint64 where nothing is said.
 *
 * | key | value |
 * |---|---|
 * | `00` | version 2, tree size, root hash |
 * | `01` first index | the entries of one commit, each after its uint16 size |
 * | `02` 16 B of key digest | fingerprint 32 B, first index, count |
 * | `03` run uint32, page uint8 | of the run's 65,536 leaves those whose hash starts with this byte: 4 B each |
 * | `80`+L tile index | of a full tile of level L the 256 hashes, then the 16 nodes half way up |
 */
const stateKey = Uint8Array.of(0x00);
const recordPrefix = 0x01;
const keyedPrefix = 0x02;
const pagePrefix = 0x03;
const tilePrefix = 0x80;

const stateVersion = 2;
const stateBytes = 41;
const sizeBytes = 2;

/** What LevelDB is opened with: hashes and commitments do not shrink. */
export function logStoreOptions(writeBufferSize = 16 * 1024 * 1024): LevelStoreOptions {
  return { writeBufferSize, compression: false };
}

export class LevelLogStore implements LogStore {
  readonly #store: KeyValueStore;

  constructor(store: KeyValueStore) {
    this.#store = store;
  }

  findState(): TreeState | undefined {
    const value = this.#store.findSync(stateKey);
    if (!value) return undefined;
    if (value[0] !== stateVersion) {
      const advice = 'Back it up from the version that wrote it, move its folder away, and restore the backup here.';
      throw startError('LEDGER_STORE_FORMAT', `It is of format ${value[0]}, not ${stateVersion}. ${advice}`);
    }
    if (value.length !== stateBytes) throw startError('LEDGER_STORE_DAMAGED', 'Its state is not whole.');
    return { treeSize: parseUint64be(value, 1), rootHash: value.slice(9) };
  }

  async commit({ firstIndex, packed, tiles, runs, keyed, state }: LogCommit): Promise<void> {
    const batch = createBatch();
    batch.put(numberKey(recordPrefix, firstIndex), packed);
    for (const { level, index, bytes } of tiles) batch.put(numberKey(tilePrefix + level, index), bytes);
    for (const { run, pages } of runs) {
      for (const [page, entries] of pages.entries()) batch.put(pageKey(run, page), entries);
    }
    for (const { key, append } of keyed) batch.put(keyedKey(key), encodeKeyed(append));
    batch.put(stateKey, encodeState(state));
    await this.#store.write(batch, { sync: true });
  }

  async readEntries(first: number, count: number): Promise<Uint8Array[]> {
    const entries: Uint8Array[] = [];
    for await (const packed of this.readPacked(first, first + count)) splitEntries(packed, entries);
    return entries;
  }

  async readBundle(index: number, width: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    const first = index * TILE_WIDTH;
    for await (const packed of this.readPacked(first, first + width)) pieces.push(packed);
    return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
  }

  async *readPacked(first: number, end: number): AsyncGenerator<Uint8Array, void, undefined> {
    if (first >= end) return;
    let next = first;
    const range = { gte: await this.#recordKeyOf(first), lt: numberKey(recordPrefix, end) };
    for await (const [key, value] of this.#store.range(range)) {
      const start = parseUint64be(key, 1);
      const cut = cutRecord(value, Math.max(0, first - start), end - start);
      next = start + cut.end;
      if (cut.packed.length > 0) yield cut.packed;
    }
    assert.equal(next, end, `entries ${first} to ${end} are stored`);
  }

  /** The key of the record that holds an entry: the last one that starts at or before it. */
  async #recordKeyOf(leafIndex: number): Promise<Uint8Array> {
    const upTo = { gte: Uint8Array.of(recordPrefix), lte: numberKey(recordPrefix, leafIndex), reverse: true, limit: 1 };
    for await (const [key] of this.#store.range(upTo)) return key;
    throw startError('LEDGER_STORE_DAMAGED', `It has no record of entry ${leafIndex}.`);
  }

  findTile(level: number, index: number): Uint8Array | undefined {
    return this.#store.findSync(numberKey(tilePrefix + level, index));
  }

  findHashPage(run: number, page: number): Uint8Array | undefined {
    return this.#store.findSync(pageKey(run, page));
  }

  findKeyed(key: Uint8Array): KeyedAppend | undefined {
    const value = this.#store.findSync(keyedKey(key));
    return value && decodeKeyed(value);
  }

  /** All that came under keys, in no order; undefined for a record that is none. */
  async *readKeyed(): AsyncGenerator<KeyedAppend | undefined, void, undefined> {
    const range = { gte: Uint8Array.of(keyedPrefix), lt: Uint8Array.of(keyedPrefix + 1) };
    for await (const [key, value] of this.#store.range(range)) {
      yield key.length === 17 && value.length === 48 ? decodeKeyed(value) : undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store.close();
  }
}

function numberKey(prefix: number, number: number): Uint8Array {
  const key = Buffer.allocUnsafe(9);
  key[0] = prefix;
  return writeUint64be(key, number, 1);
}

function pageKey(run: number, page: number): Uint8Array {
  const key = Buffer.allocUnsafe(6);
  key[0] = pagePrefix;
  key.writeUInt32BE(run, 1);
  key[5] = page;
  return key;
}

const keyedKey = (key: Uint8Array): Uint8Array => Buffer.concat([Uint8Array.of(keyedPrefix), key]);

function decodeKeyed(value: Uint8Array): KeyedAppend {
  return {
    fingerprint: value.subarray(0, 32),
    firstIndex: parseUint64be(value, 32),
    count: parseUint64be(value, 40),
  };
}

function encodeKeyed({ fingerprint, firstIndex, count }: KeyedAppend): Uint8Array {
  return Buffer.concat([fingerprint, uint64be(firstIndex), uint64be(count)]);
}

function encodeState({ treeSize, rootHash }: TreeState): Uint8Array {
  const value = Buffer.allocUnsafe(stateBytes);
  value[0] = stateVersion;
  writeUint64be(value, treeSize, 1);
  value.set(rootHash, 9);
  return value;
}

/**
 * Entries [from, to) of a record, as far as it goes, and where they end. The others are stepped over: one entry of a
 * record of tens of thousands costs no more than finding it.
 */
function cutRecord(value: Uint8Array, from: number, to: number): { packed: Uint8Array; end: number } {
  let offset = 0;
  let start = 0;
  let index = 0;
  for (; index < to && offset < value.length; index += 1) {
    if (index === from) start = offset;
    offset += sizeBytes + (((value[offset] as number) << 8) | (value[offset + 1] as number));
    assert.ok(offset <= value.length, 'a record is stored whole');
  }
  return { packed: index > from ? value.subarray(start, offset) : value.subarray(0, 0), end: index };
}

function splitEntries(packed: Uint8Array, entries: Uint8Array[]): void {
  for (let offset = 0; offset < packed.length; ) {
    const start = offset + sizeBytes;
    offset = start + (((packed[offset] as number) << 8) | (packed[offset + 1] as number));
    entries.push(packed.subarray(start, offset));
  }
}

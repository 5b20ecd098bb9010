import assert from 'node:assert/strict';
import { encodeCompactRange, parseCompactRange } from '@lucid/common/formats/compact-range';
import { type Batch, createBatch, type KeyValueStore } from '@lucid/common/storage/kv';
import { concatKey, parseUint64be, prefixRange, uint64be, writeUint64be } from '@lucid/common/storage/prefix';
import type { KeyedAppend, LogCommit, LogStore, TreeState } from '../domain/log-store.ts';
import { startError } from '../errors.ts';

/**
 * A log in an ordered key-value store. Numbers are uint64 big-endian.
 *
 * | key | value |
 * |---|---|
 * | `00` | version 1, compact range of the tree |
 * | `01` first index | the entries of one commit, each after its uint16 size |
 * | `02` 16 B of key digest | fingerprint 32 B, first index, count |
 * | `03` first 8 B of leaf hash, leaf index | nothing; the same hash may be there more than once |
 * | `40`+L node index | root of a full tile of level L-1, which is a node of tile level L |
 * | `80`+L tile index | the 256 hashes of a full tile of level L |
 */
const stateKey = Uint8Array.of(0x00);
const recordPrefix = Uint8Array.of(0x01);
const keyedPrefix = Uint8Array.of(0x02);
const leafPrefix = Uint8Array.of(0x03);
const rootPrefix = (level: number): Uint8Array => Uint8Array.of(0x40 + level);
const tilePrefix = (level: number): Uint8Array => Uint8Array.of(0x80 + level);

const nothing = new Uint8Array();
const stateVersion = 1;
const leafHashBytes = 8;
const sizeBytes = 2;

export class LevelLogStore implements LogStore {
  readonly #store: KeyValueStore;

  constructor(store: KeyValueStore) {
    this.#store = store;
  }

  findState(): TreeState | undefined {
    const value = this.#store.findSync(stateKey);
    if (!value) return undefined;
    if (value[0] !== stateVersion) throw startError('LEDGER_STORE_DAMAGED', `Its format is ${value[0]}, not 1.`);
    return { range: parseCompactRange(value.subarray(1)) };
  }

  async commit(commit: LogCommit): Promise<void> {
    const batch = createBatch();
    batch.put(concatKey(recordPrefix, commit.firstIndex), encodeRecord(commit.entries));
    for (const { level, index, hashes } of commit.tiles) batch.put(concatKey(tilePrefix(level), index), hashes);
    for (const { level, index, hash } of commit.tileRoots) batch.put(concatKey(rootPrefix(level), index), hash);
    let leafIndex = commit.firstIndex;
    for (const hash of commit.leafHashes) batch.put(leafKey(hash, leafIndex++), nothing);
    for (const { key, append } of commit.keyed) putKeyed(batch, key, append);
    batch.put(stateKey, concatKey(Uint8Array.of(stateVersion), encodeCompactRange(commit.range)));
    await this.#store.write(batch, { sync: true });
  }

  async readEntries(first: number, count: number): Promise<Uint8Array[]> {
    if (count === 0) return [];
    const end = first + count;
    const entries: Uint8Array[] = [];
    const range = { gte: await this.#recordKeyOf(first), lt: concatKey(recordPrefix, end) };
    for await (const [key, value] of this.#store.range(range)) {
      const start = parseUint64be(key, recordPrefix.length);
      sliceRecord(value, Math.max(0, first - start), end - start, entries);
    }
    assert.equal(entries.length, count, `entries ${first} to ${end} are stored`);
    return entries;
  }

  async readBundle(index: number, width: number): Promise<Uint8Array> {
    return encodeRecord(await this.readEntries(index * 256, width));
  }

  /** The key of the record that holds an entry: the last one that starts at or before it. */
  async #recordKeyOf(leafIndex: number): Promise<Uint8Array> {
    const upTo = { gte: recordPrefix, lte: concatKey(recordPrefix, leafIndex), reverse: true, limit: 1 };
    for await (const [key] of this.#store.range(upTo)) return key;
    throw startError('LEDGER_STORE_DAMAGED', `It has no record of entry ${leafIndex}.`);
  }

  findTile(level: number, index: number): Uint8Array | undefined {
    return this.#store.findSync(concatKey(tilePrefix(level), index));
  }

  async readTileRoots(level: number, first: number, count: number): Promise<Uint8Array[]> {
    const roots: Uint8Array[] = [];
    const range = { gte: concatKey(rootPrefix(level), first), lt: concatKey(rootPrefix(level), first + count) };
    for await (const [, value] of this.#store.range(range)) roots.push(value);
    if (roots.length !== count)
      throw startError('LEDGER_STORE_DAMAGED', `Roots of tiles of level ${level} are missing.`);
    return roots;
  }

  async *findLeafIndexes(leafHash: Uint8Array): AsyncGenerator<number, void, undefined> {
    const range = prefixRange(concatKey(leafPrefix, leafHash.subarray(0, leafHashBytes)));
    for await (const [key] of this.#store.range(range)) yield parseUint64be(key, key.length - 8);
  }

  isIndexed(leafHash: Uint8Array, leafIndex: number): boolean {
    return this.#store.findSync(leafKey(leafHash, leafIndex)) !== undefined;
  }

  findKeyed(key: Uint8Array): KeyedAppend | undefined {
    const value = this.#store.findSync(concatKey(keyedPrefix, key));
    if (!value) return undefined;
    return {
      fingerprint: value.subarray(0, 32),
      firstIndex: parseUint64be(value, 32),
      count: parseUint64be(value, 40),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store.close();
  }
}

/** The entries as a bundle of any number of them, in one allocation. */
function encodeRecord(entries: readonly Uint8Array[]): Uint8Array {
  const record = Buffer.allocUnsafe(entries.reduce((size, entry) => size + sizeBytes + entry.length, 0));
  let offset = 0;
  for (const entry of entries) {
    offset = record.writeUInt16BE(entry.length, offset);
    record.set(entry, offset);
    offset += entry.length;
  }
  return record;
}

/**
 * Adds entries [from, to) of a record, as far as it goes, to `entries`. The others are stepped over: one entry of a
 * record of tens of thousands costs no more than finding it.
 */
function sliceRecord(record: Uint8Array, from: number, to: number, entries: Uint8Array[]): void {
  const view = Buffer.from(record.buffer, record.byteOffset, record.byteLength);
  let offset = 0;
  for (let index = 0; index < to && offset < view.length; index += 1) {
    const end = offset + sizeBytes + view.readUInt16BE(offset);
    assert.ok(end <= view.length, 'a record is stored whole');
    if (index >= from) entries.push(record.subarray(offset + sizeBytes, end));
    offset = end;
  }
}

function leafKey(leafHash: Uint8Array, leafIndex: number): Uint8Array {
  const key = Buffer.allocUnsafe(leafPrefix.length + leafHashBytes + 8);
  key.set(leafPrefix);
  key.set(leafHash.subarray(0, leafHashBytes), leafPrefix.length);
  return writeUint64be(key, leafIndex, leafPrefix.length + leafHashBytes);
}

function putKeyed(batch: Batch, key: Uint8Array, append: KeyedAppend): void {
  const value = concatKey(append.fingerprint, uint64be(append.firstIndex), uint64be(append.count));
  batch.put(concatKey(keyedPrefix, key), value);
}

import { HASH_SIZE } from '@lucid/common/formats/merkle';
import { sha256Into } from '@lucid/common/formats/sha256';
import type { HashRun } from './leaf-index.ts';
import type { KeyedAppend } from './log-store.ts';
import type { FullTile } from './tile-tree.ts';

/** An append that is waited for without a promise. One of the two is called, once. */
export interface AppendWaiter {
  /**
   * Durable: the first index and the leaf hashes of the commit; this append's begin at byte `offset` (32 bytes each).
   * `leafHashes` is only valid during the call.
   */
  appended(firstIndex: number, leafHashes: Buffer, offset: number): void;
  /** May be called within the call that began the append, when there is no room. */
  refused(error: unknown): void;
}

const sizeBytes = 2;
const entriesAtFirst = 256;
const bytesAtFirst = 64 * 1024;

/**
 * Appends that become one commit. Their entries are packed and their leaf hashes computed as they come, into memory
 * that the next group uses again: an append leaves nothing behind but its waiter in a list.
 */
export class AppendGroup {
  #bytes = Buffer.allocUnsafeSlow(bytesAtFirst);
  #hashes = Buffer.allocUnsafeSlow(entriesAtFirst * HASH_SIZE);
  #size = 0;
  /** How many entries it holds. */
  count = 0;
  /** Of each append: who waits for it, and where it begins. */
  readonly #waiters: AppendWaiter[] = [];
  readonly #firsts: number[] = [];
  readonly keyed: { readonly key: Uint8Array; readonly fingerprint: Uint8Array; first: number; count: number }[] = [];
  /** When the first append came, in milliseconds of `performance.now()`. */
  openedAt = 0;
  /** The index of its first entry, and how many entries are in the tree; what they completed there. */
  firstIndex = -1;
  integratedCount = 0;
  readonly tiles: FullTile[] = [];
  readonly runs: HashRun[] = [];

  /** How many appends it holds. */
  get workCount(): number {
    return this.#waiters.length;
  }

  /** Bytes of its entries, packed. */
  get size(): number {
    return this.#size;
  }

  /** The packed entries: valid until `reset`. */
  get packed(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  /** The leaf hashes, one after another: valid until the group is added to. */
  get hashes(): Buffer {
    return this.#hashes;
  }

  /** Begins an append of what the adds that follow bring. */
  begin(waiter: AppendWaiter): void {
    this.#firsts.push(this.count);
    this.#waiters.push(waiter);
  }

  /** Adds one entry: the bytes are copied. */
  addEntry(entry: Uint8Array): void {
    const start = this.#room(entry.length + sizeBytes, 1);
    this.#write(entry, start);
    this.#hashAt(start, entry.length);
  }

  /** Adds `count` entries that lie in `packed` each after its uint16 size, which must fill it (`isPacked`). */
  addPacked(packed: Uint8Array, count: number): void {
    const from = this.#room(packed.length, count);
    this.#bytes.set(packed, from);
    const end = (this.#size = from + packed.length);
    const bytes = this.#bytes;
    for (let start = from; start < end; ) {
      const size = ((bytes[start] as number) << 8) | (bytes[start + 1] as number);
      this.#hashAt(start, size);
      start += sizeBytes + size;
    }
  }

  /** Adds everything another group holds, without hashing it again. */
  addGroup(other: AppendGroup): void {
    const start = this.#room(other.size, other.count);
    this.#bytes.set(other.packed, start);
    other.hashes.copy(this.#hashes, this.count * HASH_SIZE, 0, other.count * HASH_SIZE);
    this.#size = start + other.size;
    this.count += other.count;
  }

  /** Adds one entry whose leaf hash is known. */
  addHashed(entry: Uint8Array, leafHash: Uint8Array): void {
    const start = this.#room(entry.length + sizeBytes, 1);
    this.#write(entry, start);
    this.#hashes.set(leafHash, this.count * HASH_SIZE);
    this.count += 1;
  }

  #write(entry: Uint8Array, start: number): void {
    this.#bytes.writeUInt16BE(entry.length, start);
    this.#bytes.set(entry, start + sizeBytes);
    this.#size = start + sizeBytes + entry.length;
  }

  /** RFC 6962 §2.1: the byte before the entry is zero while it is hashed, so that nothing is copied. */
  #hashAt(start: number, size: number): void {
    const bytes = this.#bytes;
    const low = bytes[start + 1] as number;
    bytes[start + 1] = 0;
    sha256Into(bytes.subarray(start + 1, start + sizeBytes + size), this.#hashes, this.count * HASH_SIZE);
    bytes[start + 1] = low;
    this.count += 1;
  }

  /** Where the next bytes go, with room for them and for the hashes of `count` more entries. */
  #room(size: number, count: number): number {
    const bytesNeeded = this.#size + size;
    if (bytesNeeded > this.#bytes.length) this.#bytes = grow(this.#bytes, this.#size, bytesNeeded);
    const hashesNeeded = (this.count + count) * HASH_SIZE;
    if (hashesNeeded > this.#hashes.length) {
      this.#hashes = grow(this.#hashes, this.count * HASH_SIZE, hashesNeeded);
    }
    return this.#size;
  }

  /** Under which key the append begun last came, for the store to remember. */
  keep(key: Uint8Array, fingerprint: Uint8Array): void {
    const first = this.#firsts.at(-1) ?? 0;
    this.keyed.push({ key, fingerprint, first, count: this.count - first });
  }

  /** What the store remembers of its appends that came under a key. */
  keyedAppends(): { key: Uint8Array; append: KeyedAppend }[] {
    return this.keyed.map(({ key, fingerprint, first, count }) => ({
      key,
      append: { fingerprint, firstIndex: this.firstIndex + first, count },
    }));
  }

  /** Tells everybody that waits that it is durable. A waiter must not throw. */
  answer(): void {
    for (let at = 0; at < this.#waiters.length; at += 1) {
      const first = this.#firsts[at] as number;
      (this.#waiters[at] as AppendWaiter).appended(this.firstIndex + first, this.#hashes, first * HASH_SIZE);
    }
  }

  refuse(error: unknown): void {
    for (const waiter of this.#waiters.splice(0)) waiter.refused(error);
  }

  /** Empties it for other appends; memory of the usual size is kept. */
  reset(keptBytesMax: number): void {
    if (this.#bytes.length > keptBytesMax) this.#bytes = Buffer.allocUnsafeSlow(bytesAtFirst);
    if (this.#hashes.length > keptBytesMax) this.#hashes = Buffer.allocUnsafeSlow(entriesAtFirst * HASH_SIZE);
    this.#size = 0;
    this.count = 0;
    this.firstIndex = -1;
    this.integratedCount = 0;
    for (const list of [this.#waiters, this.#firsts, this.keyed, this.tiles, this.runs]) list.length = 0;
  }
}

/** Whether `packed` is `count` entries, each after its uint16 size, and nothing else. */
export function isPacked(packed: Uint8Array, count: number): boolean {
  let found = 0;
  let start = 0;
  for (; start + sizeBytes <= packed.length; found += 1) {
    start += sizeBytes + (((packed[start] as number) << 8) | (packed[start + 1] as number));
  }
  return start === packed.length && found === count;
}

function grow(bytes: Buffer<ArrayBuffer>, used: number, needed: number): Buffer<ArrayBuffer> {
  const grown = Buffer.allocUnsafeSlow(Math.max(needed, bytes.length * 2));
  bytes.copy(grown, 0, 0, used);
  return grown;
}

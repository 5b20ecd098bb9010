import { HASH_SIZE } from '@lucid/common/formats/merkle';

/** How many leaves a run indexes: those of one full tile of level 1. */
export const runWidth = 65_536;
/** A run is stored as a page for each first byte of the leaf hash. */
export const runPageCount = 256;
/** A page's entry: bytes 2 and 3 of the leaf hash ‖ uint16 of the leaf within its run. */
const entryBytes = 4;

/** What finds the leaves of one run by their hash: not authenticated, so what it answers is held against the tree. */
export type HashRun = { readonly run: number; readonly pages: readonly Uint8Array[] };

/** Reads a page of a run that is durable. */
export type FindPage = (run: number, page: number) => Uint8Array | undefined;

/**
 * Finds leaves by their hash. Every 65,536 leaves become one run, written once and never merged: 4 bytes a leaf. The
 * leaves of the run that is not complete are in memory, 4 bytes each, and come back from the tiles at open.
 */
export class LeafIndex {
  readonly #findPage: FindPage;
  #size: number;
  /** First four bytes of the leaf hashes of the run that grows. */
  #recent = new Uint32Array(runWidth);
  /** Runs that are complete but not durable yet. */
  readonly #unstored = new Map<number, Uint32Array>();

  /** `size` leaves are in the log; those of its last run, which is not complete, are added by `add`. */
  constructor(size: number, findPage: FindPage) {
    this.#size = size - (size % runWidth);
    this.#findPage = findPage;
  }

  /** How many leaves it knows. */
  get size(): number {
    return this.#size;
  }

  /** Adds `count` leaf hashes that lie in `hashes` from byte `from`; runs that became complete are added to `full`. */
  add(hashes: Uint8Array, from: number, count: number, full: HashRun[]): void {
    const view = new DataView(hashes.buffer, hashes.byteOffset, hashes.byteLength);
    for (let at = from, end = from + count * HASH_SIZE; at < end; at += HASH_SIZE) {
      this.#recent[this.#size % runWidth] = view.getUint32(at);
      this.#size += 1;
      if (this.#size % runWidth !== 0) continue;
      const run = this.#size / runWidth - 1;
      full.push({ run, pages: encodeRun(this.#recent) });
      this.#unstored.set(run, this.#recent);
      this.#recent = new Uint32Array(runWidth);
    }
  }

  /** Says that runs can be read from now on. */
  stored(runs: readonly HashRun[]): void {
    for (const { run } of runs) this.#unstored.delete(run);
  }

  /** The leaves that may have this hash, ascending: about one in 65,536 of the others is among them. */
  *find(hash: Uint8Array): Generator<number, void, undefined> {
    const lastRun = Math.floor(this.#size / runWidth);
    for (let run = 0; run < lastRun; run += 1) {
      const unstored = this.#unstored.get(run);
      if (unstored) yield* findRecent(unstored, runWidth, hash, run);
      else yield* findInPage(this.#findPage(run, hash[0] ?? 0), hash, run);
    }
    yield* findRecent(this.#recent, this.#size % runWidth, hash, lastRun);
  }
}

function* findRecent(recent: Uint32Array, count: number, hash: Uint8Array, run: number): Generator<number> {
  const prefix = Buffer.from(hash.buffer, hash.byteOffset, 4).readUInt32BE(0);
  for (let at = recent.indexOf(prefix); at >= 0 && at < count; at = recent.indexOf(prefix, at + 1)) {
    yield run * runWidth + at;
  }
}

function* findInPage(page: Uint8Array | undefined, hash: Uint8Array, run: number): Generator<number> {
  if (!page || page.length === 0) return;
  const entries = Buffer.from(page.buffer, page.byteOffset, page.byteLength);
  const wanted = ((hash[1] ?? 0) << 8) | (hash[2] ?? 0);
  let low = 0;
  let high = page.length / entryBytes;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (entries.readUInt16BE(middle * entryBytes) < wanted) low = middle + 1;
    else high = middle;
  }
  for (let at = low * entryBytes; at < page.length && entries.readUInt16BE(at) === wanted; at += entryBytes) {
    yield run * runWidth + entries.readUInt16BE(at + 2);
  }
}

/** The pages of a run: its leaves in the order of the first three bytes of their hash, then of their index. */
export function encodeRun(prefixes: Uint32Array): Uint8Array[] {
  let order = new Uint16Array(runWidth);
  for (let leaf = 0; leaf < runWidth; leaf += 1) order[leaf] = leaf;
  let counts = new Uint32Array();
  for (const shift of [8, 16, 24]) ({ order, counts } = sortBy(prefixes, order, shift));
  const entries = new Uint8Array(runWidth * entryBytes);
  const view = new DataView(entries.buffer);
  for (let at = 0; at < runWidth; at += 1) {
    const leaf = order[at] as number;
    view.setInt32(at * entryBytes, (((prefixes[leaf] as number) << 8) & 0xffff0000) | leaf);
  }
  const pages: Uint8Array[] = [];
  for (let page = 0, from = 0; page < runPageCount; page += 1) {
    const to = from + (counts[page] as number) * entryBytes;
    pages.push(entries.subarray(from, to));
    from = to;
  }
  return pages;
}

/** One pass of a radix sort that keeps the order of equals: by the byte `shift` bits up. */
function sortBy(
  prefixes: Uint32Array,
  order: Uint16Array<ArrayBuffer>,
  shift: number,
): { order: Uint16Array<ArrayBuffer>; counts: Uint32Array<ArrayBuffer> } {
  const counts = new Uint32Array(runPageCount);
  for (let leaf = 0; leaf < runWidth; leaf += 1) {
    const byte = ((prefixes[leaf] as number) >>> shift) & 0xff;
    counts[byte] = (counts[byte] as number) + 1;
  }
  const next = new Uint32Array(runPageCount);
  for (let byte = 1; byte < runPageCount; byte += 1) {
    next[byte] = (next[byte - 1] as number) + (counts[byte - 1] as number);
  }
  const sorted = new Uint16Array(runWidth);
  for (let at = 0; at < runWidth; at += 1) {
    const leaf = order[at] as number;
    const byte = ((prefixes[leaf] as number) >>> shift) & 0xff;
    sorted[next[byte] as number] = leaf;
    next[byte] = (next[byte] as number) + 1;
  }
  return { order: sorted, counts };
}

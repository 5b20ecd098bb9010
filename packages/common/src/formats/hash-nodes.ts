import { HASH_SIZE } from './merkle.ts';
import { sha256, sha256Into } from './sha256.ts';
import { createHashPairsInLanes, type HashPairsInLanes } from './sha256-simd.ts';

const pairSize = 2 * HASH_SIZE;
/** The children begin on a word, so that they are copied as words: a view of each pair would cost as much as its hash. */
const wordSize = 4;
const pairWords = pairSize / wordSize;
const bytes = new Uint8Array(2 * wordSize + pairSize);
const words = new Int32Array(bytes.buffer);
const scratch = bytes.subarray(2 * wordSize - 1);
scratch[0] = 1;

/** From so many pairs on, four lanes are worth the way there and back; and from so many, compiling them. */
const lanesMin = 4;
const compileMin = 32;
/** Null where there are none. */
let lanes: HashPairsInLanes | null | undefined;

/**
 * RFC 6962 §2.1 for neighbours: the hash of each of `count` pairs that lie one after another in `source` from byte
 * `from`, written one after another into `target` from byte `to`. Both may be the same bytes where they do not overlap.
 */
export function hashPairs(source: Uint8Array, from: number, count: number, target: Uint8Array, to: number): void {
  if (lanes === undefined && count >= compileMin) lanes = createHashPairsInLanes() ?? null;
  if (lanes && count >= lanesMin) lanes(source, from, count, target, to);
  else hashOneByOne(source, from, count, target, to);
}

/** As `hashPairs`, on every engine. */
export function hashOneByOne(source: Uint8Array, from: number, count: number, target: Uint8Array, to: number): void {
  const origin = source.byteOffset + from;
  if (count > 2 && origin % wordSize === 0) {
    hashWords(new Int32Array(source.buffer, origin, count * pairWords), count, target, to);
    return;
  }
  for (let pair = 0; pair < count; pair += 1) {
    const start = from + pair * pairSize;
    scratch.set(source.subarray(start, start + pairSize), 1);
    sha256Into(scratch, target, to + pair * HASH_SIZE);
  }
}

function hashWords(source: Int32Array, count: number, target: Uint8Array, to: number): void {
  for (let pair = 0, start = 0; pair < count; pair += 1, start += pairWords) {
    for (let word = 0; word < pairWords; word += 1) words[2 + word] = source[start + word] as number;
    sha256Into(scratch, target, to + pair * HASH_SIZE);
  }
}

/** The hash of two nodes that lie apart, as a new array of 32 bytes. */
export function hashPair(left: Uint8Array, right: Uint8Array): Uint8Array {
  scratch.set(left, 1);
  scratch.set(right, 1 + HASH_SIZE);
  return sha256(scratch);
}

/** The root of a complete subtree: of `count` hashes, a power of two, that lie in `source` from byte `from`. */
export function hashSubtree(source: Uint8Array, from: number, count: number): Uint8Array {
  if (count === 1) return source.slice(from, from + HASH_SIZE);
  const nodes = new Uint8Array((count / 2) * HASH_SIZE);
  hashPairs(source, from, count / 2, nodes, 0);
  for (let width = count / 4; width >= 1; width /= 2) hashPairs(nodes, 0, width, nodes, 0);
  return nodes.subarray(0, HASH_SIZE);
}

/**
 * The root of the tree over leaf hashes that lie side by side, in bulk (RFC 6962 §2.1): SHA-256("") for none. Throws a
 * RangeError for bytes that are no whole hashes. Takes half the memory of `leafHashes` besides.
 */
export function rootOfLeafHashes(leafHashes: Uint8Array): Uint8Array {
  if (leafHashes.length % HASH_SIZE !== 0) throw new RangeError('leaf hashes have 32 bytes each');
  let count = leafHashes.length / HASH_SIZE;
  if (count === 0) return sha256(new Uint8Array(0));
  let row = leafHashes;
  let edge: Uint8Array | undefined;
  const rows = new Uint8Array(Math.floor(count / 2) * HASH_SIZE);
  for (; count > 1; count = Math.floor(count / 2)) {
    // A node without a neighbour is folded with everything to the right of it.
    if (count % 2 === 1) edge = foldLast(row, count, edge);
    hashPairs(row, 0, Math.floor(count / 2), rows, 0);
    row = rows;
  }
  return foldLast(row, 1, edge);
}

function foldLast(row: Uint8Array, count: number, edge: Uint8Array | undefined): Uint8Array {
  const last = row.slice((count - 1) * HASH_SIZE, count * HASH_SIZE);
  return edge ? hashPair(last, edge) : last;
}

import { concatBytes, readUint64be, uint64be } from './bytes.ts';
import { malformed } from './malformed.ts';
import { foldNodes, HASH_SIZE, nodeHash } from './merkle.ts';

/**
 * The right edge of a growing RFC 6962 tree: the roots of its largest complete subtrees, left to right,
 * one for each 1 bit of the size. All that appending and the root need, in at most 53 hashes.
 */
export interface CompactRange {
  treeSize: number;
  readonly hashes: Uint8Array[];
}

/** Told of every complete subtree the moment its last leaf arrives; level 0 is the leaf itself. */
export type OnNode = (level: number, index: number, hash: Uint8Array) => void;

export function createCompactRange(): CompactRange {
  return { treeSize: 0, hashes: [] };
}

/** A copy that can grow on its own, for work that may have to be thrown away. */
export function copyCompactRange(range: CompactRange): CompactRange {
  return { treeSize: range.treeSize, hashes: [...range.hashes] };
}

/** Appends one leaf hash in place, 2 hashes amortised, and returns its index. */
export function appendLeafHash(range: CompactRange, leafHash: Uint8Array, onNode?: OnNode): number {
  const leafIndex = range.treeSize;
  let index = leafIndex;
  let hash = leafHash;
  onNode?.(0, index, hash);
  for (let level = 1; index % 2 === 1; level++) {
    hash = nodeHash(range.hashes.pop() as Uint8Array, hash);
    index = (index - 1) / 2;
    onNode?.(level, index, hash);
  }
  range.hashes.push(hash);
  range.treeSize = leafIndex + 1;
  return leafIndex;
}

export function compactRangeRoot(range: CompactRange): Uint8Array {
  return foldNodes(range.hashes);
}

/** uint64be(treeSize) ‖ hashes, left to right. */
export function encodeCompactRange(range: CompactRange): Uint8Array {
  return concatBytes(uint64be(range.treeSize), ...range.hashes);
}

/** `COMPACT_RANGE_INVALID` unless exactly the hashes its size calls for follow. */
export function parseCompactRange(bytes: Uint8Array): CompactRange {
  if (bytes.length < 8) throw malformed('COMPACT_RANGE_INVALID', 'a compact range starts with eight bytes of size');
  const treeSize = readUint64be(bytes, 0);
  const count = treeSize.toString(2).replaceAll('0', '').length;
  if (bytes.length !== 8 + count * HASH_SIZE) {
    throw malformed('COMPACT_RANGE_INVALID', `a compact range of ${treeSize} leaves has ${count} hashes`);
  }
  const hashes = Array.from({ length: count }, (_, position) => {
    const offset = 8 + position * HASH_SIZE;
    return bytes.slice(offset, offset + HASH_SIZE);
  });
  return { treeSize, hashes };
}

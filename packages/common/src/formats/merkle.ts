import { equalBytes } from './bytes.ts';
import { malformed } from './malformed.ts';
import { sha256 } from './sha256.ts';

/** The complete subtree over leaves [index·2^level, (index+1)·2^level). */
export interface NodeId {
  readonly level: number;
  readonly index: number;
}

/** Reads the hash of a complete subtree; level 0 is leaf hashes. */
export type ReadNode = (level: number, index: number) => Uint8Array;

export interface InclusionClaim {
  readonly leafIndex: number;
  readonly treeSize: number;
  readonly leafHash: Uint8Array;
  readonly proof: readonly Uint8Array[];
  readonly rootHash: Uint8Array;
}

export interface ConsistencyClaim {
  readonly oldSize: number;
  readonly newSize: number;
  readonly oldRoot: Uint8Array;
  readonly newRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

export const HASH_SIZE = 32;
const SCRATCH_SIZE = 4097;

const nodeScratch = new Uint8Array(65);
nodeScratch[0] = 1;
const leafScratch = new Uint8Array(SCRATCH_SIZE);

/** The root of the tree with no leaves: SHA-256(""). */
export function emptyRootHash(): Uint8Array {
  return sha256(new Uint8Array(0));
}

/** RFC 6962 section 2.1: SHA-256(0x00 ‖ data). */
export function leafHash(data: Uint8Array): Uint8Array {
  const size = data.length + 1;
  const input = size <= SCRATCH_SIZE ? leafScratch.subarray(0, size) : new Uint8Array(size);
  input[0] = 0;
  input.set(data, 1);
  return sha256(input);
}

/** RFC 6962 section 2.1: SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  nodeScratch.set(left, 1);
  nodeScratch.set(right, 33);
  return sha256(nodeScratch);
}

/** Largest power of two below `size`, for size at least 2. */
function splitPoint(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

/** The complete subtrees that cover leaves [begin, end), left to right; begin is a multiple of the range's span. */
function coveringNodes(begin: number, end: number): NodeId[] {
  const nodes: NodeId[] = [];
  let start = begin;
  let level = 0;
  let span = 1;
  while (span * 2 <= end - start) {
    span *= 2;
    level++;
  }
  while (start < end) {
    if (span <= end - start) {
      nodes.push({ level, index: start / span });
      start += span;
    }
    span /= 2;
    level--;
  }
  return nodes;
}

/** Folds adjacent subtrees, left to right, into the hash of their range. */
export function foldNodes(hashes: readonly Uint8Array[]): Uint8Array {
  const last = hashes.at(-1);
  if (last === undefined) return emptyRootHash();
  return hashes.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), last);
}

/** The complete subtrees whose fold is the root of a tree of `treeSize` leaves. */
export function rootNodes(treeSize: number): NodeId[] {
  return coveringNodes(0, requireSize(treeSize));
}

/**
 * What an inclusion proof is made of, leaf's sibling first: each element of the proof is the fold of
 * one list of complete subtrees. `MERKLE_RANGE_INVALID` unless leafIndex < treeSize.
 */
export function inclusionNodes(leafIndex: number, treeSize: number): NodeId[][] {
  requireSize(treeSize);
  if (!Number.isSafeInteger(leafIndex) || leafIndex < 0 || leafIndex >= treeSize) {
    throw malformed('MERKLE_RANGE_INVALID', `there is no leaf ${leafIndex} in a tree of ${treeSize}`);
  }
  const path: NodeId[][] = [];
  let begin = 0;
  let end = treeSize;
  while (end - begin > 1) {
    const middle = begin + splitPoint(end - begin);
    path.push(leafIndex < middle ? coveringNodes(middle, end) : coveringNodes(begin, middle));
    if (leafIndex < middle) end = middle;
    else begin = middle;
  }
  return path.toReversed();
}

/**
 * What a consistency proof is made of (RFC 6962 section 2.1.2), as `inclusionNodes`.
 * `MERKLE_RANGE_INVALID` unless 0 < oldSize ≤ newSize; equal sizes give an empty proof.
 */
export function consistencyNodes(oldSize: number, newSize: number): NodeId[][] {
  requireSize(newSize);
  if (!Number.isSafeInteger(oldSize) || oldSize < 1 || oldSize > newSize) {
    throw malformed('MERKLE_RANGE_INVALID', `no consistency proof leads from ${oldSize} to ${newSize}`);
  }
  const path: NodeId[][] = [];
  let begin = 0;
  let end = newSize;
  while (end !== oldSize) {
    const middle = begin + splitPoint(end - begin);
    path.push(oldSize <= middle ? coveringNodes(middle, end) : coveringNodes(begin, middle));
    if (oldSize <= middle) end = middle;
    else begin = middle;
  }
  if (begin > 0) path.push(coveringNodes(begin, end));
  return path.toReversed();
}

function requireSize(treeSize: number): number {
  if (!Number.isSafeInteger(treeSize) || treeSize < 0) {
    throw malformed('MERKLE_RANGE_INVALID', 'a tree size is an integer from 0 to 2^53 - 1');
  }
  return treeSize;
}

function foldPath(path: readonly (readonly NodeId[])[], readNode: ReadNode): Uint8Array[] {
  return path.map((nodes) => foldNodes(nodes.map((node) => readNode(node.level, node.index))));
}

/** RFC 6962 section 2.1.1, from stored complete subtrees. */
export function proveInclusion(leafIndex: number, treeSize: number, readNode: ReadNode): Uint8Array[] {
  return foldPath(inclusionNodes(leafIndex, treeSize), readNode);
}

/** RFC 6962 section 2.1.2, from stored complete subtrees. */
export function proveConsistency(oldSize: number, newSize: number, readNode: ReadNode): Uint8Array[] {
  return foldPath(consistencyNodes(oldSize, newSize), readNode);
}

/** A whole tree in memory: every complete subtree of the leaves, 64 bytes a leaf. */
export interface MerkleTree {
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
  readonly readNode: ReadNode;
}

/** Builds the tree over ready leaf hashes. */
export function createMerkleTree(leafHashes: readonly Uint8Array[]): MerkleTree {
  const levels: (readonly Uint8Array[])[] = [leafHashes];
  for (let below = leafHashes; below.length > 1; ) {
    const above: Uint8Array[] = [];
    for (let index = 0; index + 1 < below.length; index += 2) {
      above.push(nodeHash(below[index] as Uint8Array, below[index + 1] as Uint8Array));
    }
    levels.push(above);
    below = above;
  }
  const readNode: ReadNode = (level, index) => {
    const hash = levels[level]?.[index];
    if (hash === undefined) throw malformed('MERKLE_RANGE_INVALID', `the tree has no node ${level}/${index}`);
    return hash;
  };
  const rootHash = foldNodes(rootNodes(leafHashes.length).map((node) => readNode(node.level, node.index)));
  return { treeSize: leafHashes.length, rootHash, readNode };
}

/** The root over ready leaf hashes. */
export function computeRootHash(leafHashes: readonly Uint8Array[]): Uint8Array {
  return createMerkleTree(leafHashes).rootHash;
}

function invalidProof(detail: string): Error {
  return malformed('MERKLE_PROOF_INVALID', detail);
}

function requireHashes(hashes: readonly Uint8Array[]): void {
  if (hashes.some((hash) => hash.length !== HASH_SIZE)) throw invalidProof('a hash is not 32 bytes');
}

const isOdd = (value: number): boolean => value % 2 === 1;
const half = (value: number): number => Math.floor(value / 2);

/**
 * The root an inclusion proof leads to, by RFC 9162 section 2.1.3.2: sides follow from index and size
 * alone. `MERKLE_PROOF_INVALID` when the proof is too long or too short for them.
 */
export function rootFromInclusionProof(claim: Omit<InclusionClaim, 'rootHash'>): Uint8Array {
  const { leafIndex, treeSize, proof } = claim;
  requireHashes([claim.leafHash, ...proof]);
  requireSize(treeSize);
  if (!Number.isSafeInteger(leafIndex) || leafIndex < 0 || leafIndex >= treeSize) {
    throw invalidProof('the leaf index is outside the tree');
  }
  let first = leafIndex;
  let last = treeSize - 1;
  let hash = claim.leafHash;
  for (const sibling of proof) {
    if (last === 0) throw invalidProof('the inclusion proof is too long');
    if (isOdd(first) || first === last) {
      hash = nodeHash(sibling, hash);
      while (!isOdd(first) && first !== 0) {
        first = half(first);
        last = half(last);
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    first = half(first);
    last = half(last);
  }
  if (last !== 0) throw invalidProof('the inclusion proof is too short');
  return hash;
}

/** Throws `MERKLE_PROOF_INVALID` unless the leaf is at that index of the tree with that size and root. */
export function verifyInclusion(claim: InclusionClaim): void {
  if (!equalBytes(rootFromInclusionProof(claim), claim.rootHash)) {
    throw invalidProof('the inclusion proof leads to another root');
  }
}

/**
 * Throws `MERKLE_PROOF_INVALID` unless the new tree only appends to the old one, by RFC 9162 section
 * 2.1.4.2. A proof from size 0 says nothing and is refused.
 */
export function verifyConsistency(claim: ConsistencyClaim): void {
  const { oldSize, newSize, oldRoot, newRoot, proof } = claim;
  requireSize(newSize);
  if (!Number.isSafeInteger(oldSize) || oldSize < 1 || oldSize > newSize) {
    throw invalidProof('the old size must be between 1 and the new size');
  }
  if (oldSize === newSize) {
    if (proof.length > 0 || !equalBytes(oldRoot, newRoot)) throw invalidProof('two roots of one size differ');
    return;
  }
  requireHashes([oldRoot, newRoot, ...proof]);
  const roots = rootsFromConsistencyProof(oldSize, newSize, oldRoot, proof);
  if (!equalBytes(roots.old, oldRoot) || !equalBytes(roots.new, newRoot)) {
    throw invalidProof('the consistency proof leads to other roots');
  }
}

function rootsFromConsistencyProof(
  oldSize: number,
  newSize: number,
  oldRoot: Uint8Array,
  proof: readonly Uint8Array[],
): { old: Uint8Array; new: Uint8Array } {
  if (proof.length === 0) throw invalidProof('the consistency proof is empty');
  let first = oldSize - 1;
  let last = newSize - 1;
  while (isOdd(first)) {
    first = half(first);
    last = half(last);
  }
  const [seed, ...rest] = first === 0 ? [oldRoot, ...proof] : proof;
  let oldHash = seed as Uint8Array;
  let newHash = oldHash;
  for (const sibling of rest) {
    if (last === 0) throw invalidProof('the consistency proof is too long');
    if (isOdd(first) || first === last) {
      oldHash = nodeHash(sibling, oldHash);
      newHash = nodeHash(sibling, newHash);
      while (!isOdd(first) && first !== 0) {
        first = half(first);
        last = half(last);
      }
    } else {
      newHash = nodeHash(newHash, sibling);
    }
    first = half(first);
    last = half(last);
  }
  if (last !== 0) throw invalidProof('the consistency proof is too short');
  return { old: oldHash, new: newHash };
}

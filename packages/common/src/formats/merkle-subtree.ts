import { equalBytes } from './bytes.ts';
import { malformed } from './malformed.ts';
import {
  emptyRootHash,
  foldNodes,
  HASH_SIZE,
  nodeHash,
  proveInclusion,
  type ReadNode,
  rootFromInclusionProof,
  rootNodes,
} from './merkle.ts';

/**
 * Subtrees of a log's tree that are not its whole left part, and their proofs: Merkle Tree Certificates
 * (draft-ietf-plants-merkle-tree-certs) sections 4.1, 4.3 and 4.4, which c2sp.org/tlog-cosignature signs.
 */
export interface Subtree {
  /** Index of the first leaf: a multiple of the smallest power of two that is not below the number of leaves. */
  readonly start: number;
  /** Index past the last leaf. */
  readonly end: number;
}

export interface SubtreeInclusionClaim extends Subtree {
  /** In the log, not in the subtree. */
  readonly leafIndex: number;
  readonly leafHash: Uint8Array;
  readonly proof: readonly Uint8Array[];
  /** Of the subtree. */
  readonly rootHash: Uint8Array;
}

export interface SubtreeConsistencyClaim extends Subtree {
  readonly subtreeHash: Uint8Array;
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

const isOdd = (value: number): boolean => value % 2 === 1;
const half = (value: number): number => Math.floor(value / 2);

function invalidProof(detail: string): Error {
  return malformed('MERKLE_PROOF_INVALID', detail);
}

/** True for [start, end) that a log can have signed: not empty, and aligned to a power of two that holds it. */
export function isSubtree({ start, end }: Subtree): boolean {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start >= end) return false;
  let width = 1;
  while (width < end - start) width *= 2;
  return start % width === 0;
}

/** The root of a subtree, from stored complete subtrees. `MERKLE_RANGE_INVALID` unless it is one. */
export function subtreeHash(subtree: Subtree, readNode: ReadNode): Uint8Array {
  requireSubtree(subtree);
  return hashOf(subtree.start, subtree.end, readNode);
}

/** The path of a leaf inside a subtree. `MERKLE_RANGE_INVALID` unless there is such a leaf. */
export function proveSubtreeInclusion(leafIndex: number, subtree: Subtree, readNode: ReadNode): Uint8Array[] {
  requireSubtree(subtree);
  const { start, end } = subtree;
  const readInside: ReadNode = (level, index) => readNode(level, index + start / 2 ** level);
  return proveInclusion(leafIndex - start, end - start, readInside);
}

/**
 * That a tree of `treeSize` leaves has the subtree (draft section 4.4.1). `MERKLE_RANGE_INVALID` unless it is one of
 * that tree.
 */
export function proveSubtreeConsistency(subtree: Subtree, treeSize: number, readNode: ReadNode): Uint8Array[] {
  requireSubtree(subtree, treeSize);
  const path: Uint8Array[] = [];
  let { start } = subtree;
  let [begin, end, isKnown] = [0, treeSize, true];
  while (start !== begin || subtree.end !== end) {
    const middle = begin + splitPoint(end - begin);
    if (subtree.end <= middle) {
      path.push(hashOf(middle, end, readNode));
      end = middle;
      continue;
    }
    path.push(hashOf(begin, middle, readNode));
    // Only a subtree from the left edge of this range can reach over its middle: its right part is what remains.
    if (start < middle) [start, isKnown] = [middle, false];
    begin = middle;
  }
  if (!isKnown) path.push(hashOf(begin, end, readNode));
  return path.toReversed();
}

function requireSubtree(subtree: Subtree, treeSize: number = Number.MAX_SAFE_INTEGER): void {
  if (isSubtree(subtree) && subtree.end <= treeSize) return;
  throw malformed('MERKLE_RANGE_INVALID', `[${subtree.start}, ${subtree.end}) is no subtree`);
}

/** Largest power of two below `size`, for size at least 2. */
function splitPoint(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

/** Of a range whose begin is a multiple of the power of two that holds it. */
function hashOf(begin: number, end: number, readNode: ReadNode): Uint8Array {
  return foldNodes(rootNodes(end - begin).map(({ level, index }) => readNode(level, index + begin / 2 ** level)));
}

/** Throws `MERKLE_PROOF_INVALID` unless the leaf is at that index of the log, inside the subtree with that root. */
export function verifySubtreeInclusion(claim: SubtreeInclusionClaim): void {
  const { start, end, leafIndex, leafHash, proof, rootHash } = claim;
  if (!isSubtree(claim)) throw invalidProof('no such subtree');
  if (!Number.isSafeInteger(leafIndex) || leafIndex < start || leafIndex >= end) {
    throw invalidProof('the leaf index is outside the subtree');
  }
  const inside = { leafIndex: leafIndex - start, treeSize: end - start, leafHash, proof };
  if (!equalBytes(rootFromInclusionProof(inside), rootHash)) {
    throw invalidProof('the inclusion proof leads to another root');
  }
}

/**
 * Throws `MERKLE_PROOF_INVALID` unless the tree of `treeSize` leaves has that subtree. With `start` 0 it is the
 * consistency proof of RFC 6962 section 2.1.2; but an empty range is in every tree, and says nothing of this one.
 */
export function verifySubtreeConsistency(claim: SubtreeConsistencyClaim): void {
  const { start, end, treeSize, rootHash, proof } = claim;
  const isEmpty = start === end && Number.isSafeInteger(start) && start >= 0;
  if (!isEmpty && !isSubtree(claim)) throw invalidProof('no such subtree');
  if (!Number.isSafeInteger(treeSize) || end > treeSize) throw invalidProof('the subtree is past the end of the tree');
  if (isEmpty || end - start === treeSize) {
    const known = isEmpty ? emptyRootHash() : rootHash;
    if (proof.length > 0 || !equalBytes(claim.subtreeHash, known)) throw invalidProof('two roots of one range differ');
    return;
  }
  if ([claim.subtreeHash, rootHash, ...proof].some((hash) => hash.length !== HASH_SIZE)) {
    throw invalidProof('a hash is not 32 bytes');
  }
  const roots = rootsFromProof(start, end, treeSize, claim.subtreeHash, proof);
  if (!equalBytes(roots.subtree, claim.subtreeHash) || !equalBytes(roots.tree, rootHash)) {
    throw invalidProof('the subtree\u2019s proof leads to other roots');
  }
}

/** Places at one level of the tree: of the subtree's first leaf, of its last, and of the tree's last. */
class Places {
  first: number;
  last: number;
  end: number;

  constructor(start: number, end: number, treeSize: number) {
    this.first = start;
    this.last = end - 1;
    this.end = treeSize - 1;
  }

  rise(): void {
    this.first = half(this.first);
    this.last = half(this.last);
    this.end = half(this.end);
  }
}

function rootsFromProof(
  start: number,
  end: number,
  treeSize: number,
  known: Uint8Array,
  proof: readonly Uint8Array[],
): { subtree: Uint8Array; tree: Uint8Array } {
  const at = new Places(start, end, treeSize);
  if (at.last === at.end) while (at.first !== at.last) at.rise();
  else while (at.first !== at.last && isOdd(at.last)) at.rise();
  const isWhole = at.first === at.last;
  const seed = isWhole ? known : proof[0];
  if (seed === undefined) throw invalidProof('the subtree\u2019s proof is empty');
  let subtree = seed;
  let tree = seed;
  for (const sibling of isWhole ? proof : proof.slice(1)) {
    if (at.end === 0) throw invalidProof('the subtree\u2019s proof is too long');
    if (isOdd(at.last) || at.last === at.end) {
      if (at.first < at.last) subtree = nodeHash(sibling, subtree);
      tree = nodeHash(sibling, tree);
      while (!isOdd(at.last) && at.last !== 0) at.rise();
    } else {
      tree = nodeHash(tree, sibling);
    }
    at.rise();
  }
  if (at.end !== 0) throw invalidProof('the subtree\u2019s proof is too short');
  return { subtree, tree };
}

import { hashPair } from '@lucid/common/formats/hash-nodes';
import { foldNodes, inclusionNodes, proveConsistency, rootNodes } from '@lucid/common/formats/merkle';
import { encodeTlogProof } from '@lucid/common/formats/tlog-proof';
import type { PublishedCheckpoint } from './log.ts';
import type { TileTree } from './tile-tree.ts';

/**
 * The right edge of a tree of one size: its largest complete subtrees, left to right, and for each the fold of what
 * follows it. Proofs against one size share it.
 */
type Edge = { readonly treeSize: number; readonly peaks: readonly Peak[]; readonly folds: readonly Uint8Array[] };
type Peak = { readonly level: number; readonly first: number; readonly hash: Uint8Array };

const edges = new WeakMap<TileTree, Edge>();

function edgeOf(tree: TileTree, treeSize: number): Edge {
  const known = edges.get(tree);
  if (known?.treeSize === treeSize) return known;
  const peaks = rootNodes(treeSize).map(({ level, index }) => ({
    level,
    first: index * 2 ** level,
    hash: tree.readNode(level, index),
  }));
  const folds: Uint8Array[] = [];
  let fold: Uint8Array | undefined;
  for (let at = peaks.length - 1; at >= 0; at -= 1) {
    const { hash } = peaks[at] as Peak;
    folds[at] = fold = fold ? hashPair(hash, fold) : hash;
  }
  const edge = { treeSize, peaks, folds };
  edges.set(tree, edge);
  return edge;
}

/** The root of the tree when it had `treeSize` leaves. */
export function rootAt(tree: TileTree, treeSize: number): Uint8Array {
  return edgeOf(tree, treeSize).folds[0] ?? foldNodes([]);
}

/**
 * RFC 6962 §2.1.1, the leaf's sibling first: siblings up to the complete subtree the leaf is in, the fold of what is to
 * the right of that, then the subtrees to its left. Throws MERKLE_RANGE_INVALID unless leafIndex < treeSize.
 */
export function inclusionProof(tree: TileTree, leafIndex: number, treeSize: number): Uint8Array[] {
  if (!(Number.isSafeInteger(leafIndex) && leafIndex >= 0 && leafIndex < treeSize)) {
    // Says what is wrong, and throws.
    inclusionNodes(leafIndex, treeSize);
  }
  tree.counts.proofs += 1;
  const { peaks, folds } = edgeOf(tree, treeSize);
  let at = peaks.length - 1;
  while ((peaks[at] as Peak).first > leafIndex) at -= 1;
  const proof: Uint8Array[] = [];
  const { level: top } = peaks[at] as Peak;
  let index = leafIndex;
  for (let level = 0; level < top; level += 1) {
    proof.push(tree.readNode(level, index % 2 === 0 ? index + 1 : index - 1));
    index = Math.floor(index / 2);
  }
  const right = folds[at + 1];
  if (right) proof.push(right);
  for (let left = at - 1; left >= 0; left -= 1) proof.push((peaks[left] as Peak).hash);
  return proof;
}

/** RFC 6962 §2.1.2. Throws MERKLE_RANGE_INVALID unless 0 < oldSize ≤ newSize. */
export function consistencyProof(tree: TileTree, oldSize: number, newSize: number): Uint8Array[] {
  tree.counts.proofs += 1;
  return proveConsistency(oldSize, newSize, (level, index) => tree.readNode(level, index));
}

/** The receipt of an entry against a published checkpoint that covers it (c2sp.org/tlog-proof@v1). */
export function encodeReceipt(tree: TileTree, leafIndex: number, checkpoint: PublishedCheckpoint): string {
  const proof = inclusionProof(tree, leafIndex, checkpoint.treeSize);
  return encodeTlogProof({ leafIndex, proof, checkpoint: checkpoint.note });
}

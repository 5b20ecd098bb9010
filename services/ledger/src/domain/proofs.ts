import { foldNodes, proveConsistency, proveInclusion, rootNodes } from '@lucid/common/formats/merkle';
import { encodeTlogProof } from '@lucid/common/formats/tlog-proof';
import type { PublishedCheckpoint } from './log.ts';
import type { TileTree } from './tile-tree.ts';

/** The root of the tree when it had `treeSize` leaves. */
export function rootAt(tree: TileTree, treeSize: number): Uint8Array {
  return foldNodes(rootNodes(treeSize).map(({ level, index }) => tree.readNode(level, index)));
}

/** RFC 6962 §2.1.1. Throws MERKLE_RANGE_INVALID unless leafIndex < treeSize. */
export function inclusionProof(tree: TileTree, leafIndex: number, treeSize: number): Uint8Array[] {
  return proveInclusion(leafIndex, treeSize, (level, index) => tree.readNode(level, index));
}

/** RFC 6962 §2.1.2. Throws MERKLE_RANGE_INVALID unless 0 < oldSize ≤ newSize. */
export function consistencyProof(tree: TileTree, oldSize: number, newSize: number): Uint8Array[] {
  return proveConsistency(oldSize, newSize, (level, index) => tree.readNode(level, index));
}

/** The receipt of an entry against a published checkpoint that covers it (c2sp.org/tlog-proof@v1). */
export function encodeReceipt(tree: TileTree, leafIndex: number, checkpoint: PublishedCheckpoint): string {
  const proof = inclusionProof(tree, leafIndex, checkpoint.treeSize);
  return encodeTlogProof({ leafIndex, proof, checkpoint: checkpoint.note });
}

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { utf8 } from '../../src/formats/bytes.ts';
import { createMerkleTree, leafHash, proveConsistency } from '../../src/formats/merkle.ts';
import {
  isSubtree,
  proveSubtreeConsistency,
  proveSubtreeInclusion,
  subtreeHash,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
} from '../../src/formats/merkle-subtree.ts';
import { nth } from './nth.ts';

const LEAVES = 150;
const hashes = Array.from({ length: LEAVES }, (_, index) => leafHash(utf8(`leaf ${index}`)));
const trees = Array.from({ length: LEAVES + 1 }, (_, treeSize) => createMerkleTree(hashes.slice(0, treeSize)));

/** Every subtree of the largest tree. */
const subtrees = Array.from({ length: LEAVES * LEAVES }, (_, code) => ({
  start: Math.floor(code / LEAVES),
  end: (code % LEAVES) + 1,
})).filter(isSubtree);

const anySubtree = fc.constantFrom(...subtrees);

test('subtrees start at a multiple of the power of two that holds them', () => {
  expect(isSubtree({ start: 8, end: 13 })).toBe(true);
  expect(isSubtree({ start: 0, end: 13 })).toBe(true);
  for (const [start, end] of [
    [4, 9],
    [2, 2],
    [3, 2],
    [-4, 4],
    [0.5, 4],
    [0, 2 ** 53],
  ] as const) {
    expect(isSubtree({ start, end }), `${start}-${end}`).toBe(false);
    expect(() => subtreeHash({ start, end }, nth(trees, LEAVES).readNode)).toThrow(
      expect.objectContaining({ code: 'MERKLE_RANGE_INVALID' }),
    );
  }
});

test('what is proven of a subtree holds, and with any bit changed does not', () => {
  const run = ({ start, end }: { start: number; end: number }, pick: number, size: number, bit: number): void => {
    const treeSize = end + (size % (LEAVES - end + 1));
    const { readNode, rootHash } = nth(trees, treeSize);
    const root = subtreeHash({ start, end }, readNode);
    const leafIndex = start + (pick % (end - start));
    const path = proveSubtreeInclusion(leafIndex, { start, end }, readNode);
    const inclusion = { start, end, leafIndex, leafHash: nth(hashes, leafIndex), proof: path, rootHash: root };
    verifySubtreeInclusion(inclusion);
    const proof = proveSubtreeConsistency({ start, end }, treeSize, readNode);
    const consistency = { start, end, treeSize, subtreeHash: root, rootHash, proof };
    verifySubtreeConsistency(consistency);
    const changed = proof.map((hash) => Uint8Array.from(hash));
    const hash = changed[pick % Math.max(1, changed.length)];
    if (hash === undefined) return;
    hash[bit >> 3] = (hash[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(() => verifySubtreeConsistency({ ...consistency, proof: changed })).toThrow('other roots');
    expect(() => verifySubtreeConsistency({ ...consistency, proof: proof.slice(1) })).toThrow(/proof/u);
    expect(() => verifySubtreeConsistency({ ...consistency, proof: [...proof, hash] })).toThrow('too long');
  };
  fc.assert(fc.property(anySubtree, fc.nat(), fc.nat(), fc.nat({ max: 255 }), run), { numRuns: 500 });
});

test('from the first leaf on, a subtree\u2019s proof is the consistency proof of RFC 6962', () => {
  for (const oldSize of [1, 2, 3, 7, 8, 64, 65, 149]) {
    const { readNode } = nth(trees, LEAVES);
    expect(proveSubtreeConsistency({ start: 0, end: oldSize }, LEAVES, readNode)).toEqual(
      proveConsistency(oldSize, LEAVES, readNode),
    );
  }
});

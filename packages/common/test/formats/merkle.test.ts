import * as fc from 'fast-check';
import { MerkleTree } from 'merkletreejs';
import { describe, expect, test } from 'vitest';
import { concatBytes, toHex, utf8 } from '../../src/formats/bytes.ts';
import {
  appendLeafHash,
  compactRangeRoot,
  createCompactRange,
  encodeCompactRange,
  parseCompactRange,
} from '../../src/formats/compact-range.ts';
import {
  computeRootHash,
  createMerkleTree,
  emptyRootHash,
  leafHash,
  proveConsistency,
  proveInclusion,
  verifyConsistency,
  verifyInclusion,
} from '../../src/formats/merkle.ts';
import { sha256 } from '../../src/formats/sha256.ts';
import { nth } from './nth.ts';

const leaves = (count: number): Uint8Array[] => Array.from({ length: count }, (_, index) => leafHash(utf8(`${index}`)));
const refused = expect.objectContaining({ code: 'MERKLE_PROOF_INVALID' });

/** merkletreejs in its one safe configuration: ready leaf hashes, prefixed nodes, nothing sorted or doubled. */
function oracle(hashes: readonly Uint8Array[]): MerkleTree {
  const node = (pair: Uint8Array): Buffer => Buffer.from(sha256(concatBytes(Uint8Array.of(1), pair)));
  return new MerkleTree(
    hashes.map((hash) => Buffer.from(hash)),
    node,
    {
      hashLeaves: false,
      sortPairs: false,
      duplicateOdd: false,
    },
  );
}

describe('RFC 6962 tree', () => {
  test('the empty tree is the hash of nothing', () => {
    const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
    expect(toHex(emptyRootHash())).toBe(empty);
    expect(toHex(computeRootHash([]))).toBe(empty);
  });

  test('merkletreejs builds the same roots and inclusion proofs', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.nat(), (count, pick) => {
        const hashes = leaves(count);
        const peer = oracle(hashes);
        const tree = createMerkleTree(hashes);
        const leafIndex = pick % count;
        const proof = proveInclusion(leafIndex, count, tree.readNode);
        const peerProof = peer.getProof(Buffer.from(nth(hashes, leafIndex)), leafIndex);
        expect(toHex(tree.rootHash)).toBe(peer.getRoot().toString('hex'));
        expect(proof.map(toHex)).toEqual(peerProof.map((step) => step.data.toString('hex')));
      }),
      { numRuns: 60 },
    );
  });

  test('every leaf of every tree up to 66 leaves is provable, and nowhere else', () => {
    for (let treeSize = 1; treeSize <= 66; treeSize++) {
      const hashes = leaves(treeSize);
      const tree = createMerkleTree(hashes);
      for (let leafIndex = 0; leafIndex < treeSize; leafIndex++) {
        const proof = proveInclusion(leafIndex, treeSize, tree.readNode);
        const claim = { leafIndex, treeSize, leafHash: nth(hashes, leafIndex), proof, rootHash: tree.rootHash };
        verifyInclusion(claim);
        expect(() => verifyInclusion({ ...claim, leafIndex: leafIndex + 1 })).toThrow(refused);
        expect(() => verifyInclusion({ ...claim, proof: [...proof, tree.rootHash] })).toThrow(refused);
        if (proof.length > 0) {
          expect(() => verifyInclusion({ ...claim, proof: proof.slice(1) })).toThrow(refused);
          expect(() => verifyInclusion({ ...claim, leafHash: nth(proof, 0) })).toThrow(refused);
        }
      }
    }
  });

  test('every pair of sizes up to 66 is consistent, and a changed history is not', () => {
    const hashes = leaves(66);
    const roots = Array.from({ length: 67 }, (_, size) => computeRootHash(hashes.slice(0, size)));
    for (let newSize = 1; newSize <= 66; newSize++) {
      const { readNode } = createMerkleTree(hashes.slice(0, newSize));
      for (let oldSize = 1; oldSize <= newSize; oldSize++) {
        const proof = proveConsistency(oldSize, newSize, readNode);
        const claim = { oldSize, newSize, oldRoot: nth(roots, oldSize), newRoot: nth(roots, newSize), proof };
        verifyConsistency(claim);
        expect(() => verifyConsistency({ ...claim, oldRoot: nth(roots, oldSize - 1) })).toThrow(refused);
        expect(() => verifyConsistency({ ...claim, proof: [...proof, nth(roots, oldSize)] })).toThrow(refused);
      }
    }
  });

  test('a consistency proof from nothing is refused', () => {
    const root = computeRootHash(leaves(1));
    const claim = { oldSize: 0, newSize: 1, oldRoot: emptyRootHash(), newRoot: root, proof: [] };
    expect(() => verifyConsistency(claim)).toThrow(refused);
    expect(() => proveConsistency(0, 1, () => root)).toThrow(expect.objectContaining({ code: 'MERKLE_RANGE_INVALID' }));
  });

  test('proofs hold past 2^32 leaves', () => {
    const treeSize = 2 ** 40 + 5;
    const node = sha256(utf8('node'));
    const proof = proveInclusion(2 ** 40 + 1, treeSize, () => node);
    expect(proof).toHaveLength(4);
    expect(proveInclusion(3, treeSize, () => node)).toHaveLength(41);
  });
});

describe('compact range', () => {
  test('grows to the root of the tree, and survives its encoding at any size', () => {
    const hashes = leaves(300);
    let range = createCompactRange();
    const nodes = new Map<string, string>();
    for (const [index, hash] of hashes.entries()) {
      expect(appendLeafHash(range, hash, (level, at, node) => nodes.set(`${level}/${at}`, toHex(node)))).toBe(index);
      if (index % 16 === 0)
        expect(toHex(compactRangeRoot(range))).toBe(toHex(computeRootHash(hashes.slice(0, index + 1))));
      range = parseCompactRange(encodeCompactRange(range));
    }
    const { readNode } = createMerkleTree(hashes);
    for (const [id, node] of nodes) {
      const [level, index] = id.split('/').map(Number);
      expect(toHex(readNode(level ?? 0, index ?? 0))).toBe(node);
    }
    expect(nodes.size).toBe(300 + 150 + 75 + 37 + 18 + 9 + 4 + 2 + 1);
  });

  test('refuses an encoding of another length', () => {
    const range = createCompactRange();
    for (const hash of leaves(7)) appendLeafHash(range, hash);
    const bytes = encodeCompactRange(range);
    for (const wrong of [bytes.slice(0, 7), bytes.slice(0, -1), concatBytes(bytes, Uint8Array.of(0))]) {
      expect(() => parseCompactRange(wrong)).toThrow(expect.objectContaining({ code: 'COMPACT_RANGE_INVALID' }));
    }
  });
});

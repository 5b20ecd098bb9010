import { createCompactRange } from '@lucid/common/formats/compact-range';
import { createMerkleTree, leafHash, proveInclusion } from '@lucid/common/formats/merkle';
import { beforeAll, describe, expect, test } from 'vitest';
import { consistencyProof, inclusionProof, rootAt } from '../../src/domain/proofs.ts';
import { TileTree } from '../../src/domain/tile-tree.ts';

/** Past the first tile of level 2, so that three levels of tiles exist. */
const treeSize = 65_536 + 300;
const hashes = Array.from({ length: treeSize }, (_, index) => leafHash(Buffer.from(`leaf ${index}`)));

describe('TileTree', () => {
  const tiles = new Map<string, Uint8Array>();
  const tileRoots = new Map<string, Uint8Array>();
  const sink = {
    tile: (level: number, index: number, bytes: Uint8Array) => void tiles.set(`${level}/${index}`, bytes),
    tileRoot: (level: number, index: number, hash: Uint8Array) => void tileRoots.set(`${level}/${index}`, hash),
  };
  const readTile = (level: number, index: number) => tiles.get(`${level}/${index}`);
  const oracle = createMerkleTree(hashes);
  let tree: TileTree;
  beforeAll(() => {
    tree = new TileTree(createCompactRange(), [], readTile, 8);
    for (const hash of hashes) tree.append(hash, sink);
  });

  test('hands out each full tile once, whole, and its root to the level above', () => {
    expect(tiles.size).toBe(257 + 1);
    expect([...tiles.values()].every((bytes) => bytes.length === 8192)).toBe(true);
    expect(Buffer.from(tiles.get('0/3')?.subarray(0, 32) ?? [])).toEqual(Buffer.from(hashes[768] ?? []));
    expect(tileRoots.size).toBe(257 + 1);
    expect(tileRoots.get('2/0')).toEqual(oracle.readNode(16, 0));
  });

  test('gives the root of the tree at every size it had', () => {
    for (const size of [1, 2, 255, 256, 257, 511, 65_535, 65_536, 65_537, treeSize]) {
      expect(Buffer.from(rootAt(tree, size))).toEqual(Buffer.from(createMerkleTree(hashes.slice(0, size)).rootHash));
    }
    expect(Buffer.from(rootAt(tree, 0)).toString('hex')).toMatch(/^e3b0c442/);
  });

  test('proves what a tree in memory proves', () => {
    for (const leafIndex of [0, 255, 256, 40_000, 65_535, 65_536, treeSize - 1]) {
      const expected = proveInclusion(leafIndex, treeSize, oracle.readNode);
      expect(inclusionProof(tree, leafIndex, treeSize).map(hex)).toEqual(expected.map(hex));
    }
    expect(consistencyProof(tree, 257, treeSize).length).toBeGreaterThan(10);
  });

  test('comes back from the tails of its levels', () => {
    const tails = [
      hashes.slice(65_536 + 256),
      Array.from({ length: 1 }, () => oracle.readNode(8, 256)),
      [oracle.readNode(16, 0)],
    ];
    const restored = new TileTree(tree.range, tails, readTile);
    for (const level of [0, 1, 2]) {
      for (const index of [0, Math.floor(treeSize / 256 ** level) - 1]) {
        const treeLevel = level * 8;
        expect(hex(restored.readNode(treeLevel, index))).toBe(hex(oracle.readNode(treeLevel, index)));
      }
    }
    const next = leafHash(Buffer.from('next'));
    restored.append(next, sink);
    const grown = createMerkleTree([...hashes, next]);
    expect(hex(rootAt(restored, treeSize + 1))).toBe(hex(grown.rootHash));
  });

  test('gives partial tiles in the width asked for, also of tiles that are full by now', () => {
    expect(tree.readTile(0, 0, 3)).toHaveLength(96);
    expect(tree.readTile(0, 256, 44)).toHaveLength(44 * 32);
    expect(() => tree.readTile(0, 257, 45)).toThrow();
    expect(() => tree.readNode(0, treeSize)).toThrow();
  });
});

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

import { createMerkleTree, leafHash, proveInclusion } from '@lucid/common/formats/merkle';
import { beforeAll, describe, expect, test } from 'vitest';
import { consistencyProof, inclusionProof, rootAt } from '../../src/domain/proofs.ts';
import { storedTileBytes } from '../../src/domain/tile.ts';
import { type FullTile, TileTree } from '../../src/domain/tile-tree.ts';

/** Past the first tile of level 2, so that three levels of tiles exist. */
const treeSize = 65_536 + 300;
const hashes = Array.from({ length: treeSize }, (_, index) => leafHash(Buffer.from(`leaf ${index}`)));
const flat = Buffer.concat(hashes);

describe('TileTree', () => {
  const tiles = new Map<string, Uint8Array>();
  const readTile = (level: number, index: number) => tiles.get(`${level}/${index}`);
  const oracle = createMerkleTree(hashes);
  let tree: TileTree;

  /** Appends leaves in groups of the sizes, over and over, and stores what becomes full after each. */
  function grow(target: TileTree, from: number, sizes: readonly number[]): void {
    for (let at = from, round = 0; at < treeSize; round += 1) {
      const count = Math.min(sizes[round % sizes.length] as number, treeSize - at);
      const full: FullTile[] = [];
      target.append(flat, at * 32, count, full);
      for (const { level, index, bytes } of full) {
        expect(tiles.get(`${level}/${index}`) ?? bytes).toEqual(bytes);
        tiles.set(`${level}/${index}`, bytes);
      }
      target.stored(full);
      at += count;
    }
  }

  beforeAll(() => {
    tree = new TileTree(0, [], readTile, { upperMax: 1, leavesMax: 4 });
    grow(tree, 0, [1, 2, 3, 255, 256, 257, 1000]);
  });

  test('hands out each full tile once, its hashes and the nodes half way up', () => {
    expect(tiles.size).toBe(257 + 1);
    expect([...tiles.values()].every((bytes) => bytes.length === storedTileBytes)).toBe(true);
    expect(hex(tiles.get('0/3')?.subarray(0, 32))).toBe(hex(hashes[768]));
    expect(hex(tiles.get('0/3')?.subarray(8192, 8224))).toBe(hex(oracle.readNode(4, 48)));
    expect(hex(tiles.get('1/0')?.subarray(8192 + 15 * 32))).toBe(hex(oracle.readNode(12, 15)));
  });

  test('is the same in whatever groups it grows', () => {
    const other = new TileTree(0, [], readTile);
    grow(other, 0, [treeSize]);
    expect(hex(other.root())).toBe(hex(tree.root()));
  });

  test('gives the root of the tree at every size it had', () => {
    for (const size of [1, 2, 255, 256, 257, 511, 65_535, 65_536, 65_537, treeSize]) {
      expect(hex(rootAt(tree, size))).toBe(hex(createMerkleTree(hashes.slice(0, size)).rootHash));
    }
    expect(hex(tree.root())).toBe(hex(oracle.rootHash));
    expect(hex(rootAt(tree, 0))).toMatch(/^e3b0c442/);
    expect(hex(new TileTree(0, [], readTile).root())).toMatch(/^e3b0c442/);
  });

  test('proves what a tree in memory proves', () => {
    for (const size of [1, 2, 300, 65_536, treeSize]) {
      for (const leafIndex of [0, 1, 255, 256, 40_000, 65_535, 65_536, treeSize - 1].filter((at) => at < size)) {
        const expected = proveInclusion(leafIndex, size, createMerkleTree(hashes.slice(0, size)).readNode);
        expect(inclusionProof(tree, leafIndex, size).map(hex)).toEqual(expected.map(hex));
      }
    }
    expect(consistencyProof(tree, 257, treeSize).length).toBeGreaterThan(10);
    expect(() => inclusionProof(tree, 5, 5)).toThrow(expect.objectContaining({ code: 'MERKLE_RANGE_INVALID' }));
  });

  test('reads one tile of each level for a proof nothing was read for, and none for the next one beside it', () => {
    const cold = new TileTree(
      treeSize,
      [flat.subarray(65_792 * 32), oracle.readNode(8, 256), oracle.readNode(16, 0)],
      readTile,
    );
    inclusionProof(cold, 1000, treeSize);
    // Leaf tile and the level above it: the rest of the path is the right edge, which is in memory.
    expect(cold.counts).toMatchObject({ reads: 2 });
    inclusionProof(cold, 1001, treeSize);
    expect(cold.counts).toMatchObject({ reads: 2 });
  });

  test('comes back from the tails of its levels', () => {
    const tails = [flat.subarray(65_792 * 32), oracle.readNode(8, 256), oracle.readNode(16, 0)];
    const restored = new TileTree(treeSize, tails, readTile);
    for (const level of [0, 1, 2]) {
      for (const index of [0, Math.floor(treeSize / 256 ** level) - 1]) {
        const treeLevel = level * 8;
        expect(hex(restored.readNode(treeLevel, index))).toBe(hex(oracle.readNode(treeLevel, index)));
      }
    }
    const next = leafHash(Buffer.from('next'));
    restored.append(next, 0, 1, []);
    expect(hex(restored.root())).toBe(hex(createMerkleTree([...hashes, next]).rootHash));
    expect(hex(rootAt(restored, treeSize + 1))).toBe(hex(restored.root()));
  });

  test('reads tiles that are full but not stored yet', () => {
    const ahead = new TileTree(0, [], () => undefined);
    const full: FullTile[] = [];
    ahead.append(flat, 0, 300, full);
    expect(hex(ahead.readNode(0, 7))).toBe(hex(hashes[7]));
    ahead.stored(full);
    expect(hex(ahead.readNode(0, 7))).toBe(hex(hashes[7]));
  });

  test('gives partial tiles in the width asked for, also of tiles that are full by now', () => {
    expect(tree.readTile(0, 0, 3)).toHaveLength(96);
    expect(tree.readTile(0, 257, 44)).toHaveLength(44 * 32);
    expect(() => tree.readTile(0, 257, 45)).toThrow();
    expect(() => tree.readNode(0, treeSize)).toThrow();
  });
});

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');

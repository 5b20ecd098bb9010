import { describe, expect, test } from 'vitest';
import { hashPair, hashPairs, hashSubtree } from '../../src/formats/hash-nodes.ts';
import { createMerkleTree, leafHash, nodeHash } from '../../src/formats/merkle.ts';

const leaves = Array.from({ length: 16 }, (_, index) => leafHash(Uint8Array.of(index)));

describe.each([0, 1, 4])('hashes that begin %i bytes into their memory', (from) => {
  const source = new Uint8Array(from + 16 * 32);
  for (const [index, leaf] of leaves.entries()) source.set(leaf, from + index * 32);

  test.each([0, 1, 2, 3, 8])('%i pairs are hashed into their place and nowhere else', (count) => {
    const target = new Uint8Array(3 + 8 * 32);
    hashPairs(source, from, count, target, 3);
    const expected = new Uint8Array(3 + 8 * 32);
    for (let pair = 0; pair < count; pair += 1) {
      expected.set(nodeHash(leaves[2 * pair] as Uint8Array, leaves[2 * pair + 1] as Uint8Array), 3 + pair * 32);
    }
    expect(target).toEqual(expected);
  });

  test.each([1, 2, 4, 8, 16])('a subtree of %i hashes has the root the tree has', (count) => {
    const { rootHash } = createMerkleTree(leaves.slice(0, count));
    expect(Uint8Array.from(hashSubtree(source, from, count))).toEqual(Uint8Array.from(rootHash));
  });
});

test('pairs are hashed over themselves where they do not overlap', () => {
  const nodes = new Uint8Array(24 * 32);
  for (const [index, leaf] of leaves.entries()) nodes.set(leaf, index * 32);
  hashPairs(nodes, 0, 8, nodes, 16 * 32);
  expect(nodes.subarray(23 * 32)).toEqual(hashPair(leaves[14] as Uint8Array, leaves[15] as Uint8Array));
});

import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import { hashOneByOne, hashPair, hashPairs, hashSubtree, rootOfLeafHashes } from '../../src/formats/hash-nodes.ts';
import { createMerkleTree, leafHash, nodeHash } from '../../src/formats/merkle.ts';
import { createHashPairsInLanes } from '../../src/formats/sha256-simd.ts';

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

describe('many pairs at once', () => {
  const nodes = Uint8Array.from(randomBytes(2051 * 64 + 1));
  const expectedOf = (from: number, count: number): Buffer =>
    Buffer.concat(
      Array.from({ length: count }, (_, pair) => {
        const start = from + pair * 64;
        const hash = createHash('sha256').update(Uint8Array.of(1));
        return hash.update(nodes.subarray(start, start + 64)).digest();
      }),
    );

  test.each([
    [0, 1],
    [1, 31],
    [0, 32],
    [1, 33],
    [0, 1024],
    [0, 1025],
    [1, 2051],
  ])('from byte %i, %i pairs are what node:crypto makes them', (from, count) => {
    const target = new Uint8Array(1 + (count + 1) * 32);
    const expected = Buffer.concat([Buffer.alloc(1), expectedOf(from, count), Buffer.alloc(32)]);
    hashPairs(nodes, from, count, target, 1);
    expect(expected.equals(target)).toBe(true);
    target.fill(0);
    hashOneByOne(nodes, from, count, target, 1);
    expect(expected.equals(target)).toBe(true);
    target.fill(0);
    createHashPairsInLanes()?.(nodes, from, count, target, 1);
    expect(expected.equals(target)).toBe(true);
  });

  test('without WebAssembly, or where it may not be compiled, there are no lanes', () => {
    const Module = vi.fn(function compile() {
      throw new Error('blocked by Content Security Policy');
    });
    const { WebAssembly } = globalThis as unknown as { WebAssembly: { Memory: unknown; Instance: unknown } };
    const { Memory, Instance } = WebAssembly;
    vi.stubGlobal('WebAssembly', { Memory, Instance, Module });
    expect(createHashPairsInLanes()).toBeUndefined();
    vi.stubGlobal('WebAssembly', undefined);
    expect(createHashPairsInLanes()).toBeUndefined();
    vi.unstubAllGlobals();
    expect(createHashPairsInLanes()).toBeDefined();
  });

  test.each([0, 1, 2, 3, 5, 64, 255, 256, 257, 1000, 1023])('the root over %i leaf hashes is the tree’s', (count) => {
    const hashes = Array.from({ length: count }, (_, at) => nodes.slice(at * 32, at * 32 + 32));
    const { rootHash } = createMerkleTree(hashes);
    expect(Buffer.compare(rootOfLeafHashes(nodes.subarray(0, count * 32)), rootHash)).toBe(0);
  });

  test('bytes that are no whole hashes have no root', () => {
    expect(() => rootOfLeafHashes(new Uint8Array(33))).toThrow(RangeError);
  });
});

import { createMPT, verifyMerkleProof } from '@ethereumjs/mpt';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keyOf, toHex } from '../../src/domain/bytes.ts';
import { EMPTY_ROOT, keccak256 } from '../../src/domain/crypto.ts';
import { type NewNode, type NodeSource, orderedRoot, Trie } from '../../src/domain/trie/trie.ts';

/** A node store in memory, fed with what commits make. */
function memorySource(): NodeSource & { add(nodes: NewNode[]): void } {
  const nodes = new Map<string, Uint8Array>();
  return {
    getNode: (hash) => nodes.get(keyOf(hash)),
    add: (added) => added.forEach(({ hash, bytes }) => nodes.set(keyOf(hash), bytes)),
  };
}

const key = fc.uint8Array({ minLength: 1, maxLength: 4 }).map((bytes) => keccak256(bytes));
const shortKey = fc.uint8Array({ minLength: 2, maxLength: 2 });
const value = fc.uint8Array({ minLength: 1, maxLength: 40 });
const operation = (keys: fc.Arbitrary<Uint8Array>) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ key: keys, value }) },
    { weight: 2, arbitrary: fc.record({ key: keys, value: fc.constant(undefined) }) },
  );
const rounds = (keys: fc.Arbitrary<Uint8Array>) =>
  fc.array(fc.array(operation(keys), { maxLength: 12 }), { minLength: 1, maxLength: 5 });

describe('trie', () => {
  test.each([
    ['hashed keys', key],
    ['short keys that share stretches and nodes under 32 bytes', shortKey],
  ])('ends on the roots of @ethereumjs/mpt: %s', async (_name, keys) => {
    await fc.assert(
      fc.asyncProperty(rounds(keys), async (batches) => {
        const oracle = await createMPT();
        const source = memorySource();
        const ours = new Trie(source);
        let root = EMPTY_ROOT;
        for (const batch of batches) {
          for (const { key: at, value: set } of batch) {
            if (set === undefined) {
              ours.delete(at);
              await oracle.del(at);
            } else {
              ours.put(at, set);
              await oracle.put(at, set);
            }
          }
          const made: NewNode[] = [];
          root = ours.commit(made);
          source.add(made);
          expect(toHex(root)).toBe(toHex(oracle.root()));
        }
        const reopened = new Trie(source, root);
        for (const { key: at } of batches.flat()) {
          const expected = await oracle.get(at);
          expect(reopened.get(at) ?? null).toEqual(expected);
          expect(ours.get(at) ?? null).toEqual(expected);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('a trie reopened from its nodes goes on as if it had never been closed', () => {
    const source = memorySource();
    const whole = new Trie();
    let root = EMPTY_ROOT;
    for (let round = 0; round < 20; round++) {
      const part = new Trie(source, root);
      for (let i = 0; i < 10; i++) {
        const at = keccak256(Uint8Array.of((round * 7 + i * 3) % 64));
        const drop = (round + i) % 4 === 0;
        for (const trie of [part, whole]) {
          if (drop) trie.delete(at);
          else trie.put(at, Uint8Array.of(round + 1, i));
        }
      }
      const made: NewNode[] = [];
      root = part.commit(made);
      source.add(made);
      expect(toHex(root)).toBe(toHex(whole.commit()));
    }
  });

  test('proofs of presence and absence convince the verifier of @ethereumjs/mpt', async () => {
    const trie = new Trie();
    const keys = Array.from({ length: 60 }, (_, i) => keccak256(Uint8Array.of(i, 1)));
    keys.forEach((at, i) => trie.put(at, Uint8Array.of(i + 1)));
    const root = trie.commit();
    for (const [i, present] of keys.entries()) {
      expect(await verifyMerkleProof(present, trie.prove(present), { root })).toEqual(Uint8Array.of(i + 1));
      const absent = keccak256(Uint8Array.of(i, 2));
      expect(await verifyMerkleProof(absent, trie.prove(absent), { root })).toBeNull();
    }
  });

  test('the root of a list is that of its items under rlp(index)', async () => {
    const items = Array.from({ length: 300 }, (_, i) => keccak256(Uint8Array.of(i & 255, i >> 8)));
    const oracle = await createMPT();
    const { RLP } = await import('@ethereumjs/rlp');
    for (const [index, item] of items.entries()) await oracle.put(RLP.encode(index), item);
    expect(toHex(orderedRoot(items))).toBe(toHex(oracle.root()));
    expect(orderedRoot([])).toEqual(EMPTY_ROOT);
  });
});

import { sha256 } from '@lucid/common/formats/sha256';
import { describe, expect, test } from 'vitest';
import { encodeRun, type HashRun, LeafIndex, runWidth } from '../../src/domain/leaf-index.ts';

const leafCount = runWidth + 1000;
const hashes = Buffer.concat(
  Array.from({ length: leafCount }, (_, index) => sha256(Buffer.from(`leaf ${index === 70 ? 7 : index}`))),
);
const hashOf = (index: number): Uint8Array => hashes.subarray(index * 32, (index + 1) * 32);

describe('LeafIndex', () => {
  const runs: HashRun[] = [];
  const reads: string[] = [];
  const index = new LeafIndex(0, (run, page) => {
    reads.push(`${run}/${page}`);
    return runs[run]?.pages[page];
  });
  index.add(hashes, 0, 300, runs);
  index.add(hashes, 300 * 32, leafCount - 300, runs);

  test('a run is 256 pages of 4 bytes a leaf', () => {
    expect(runs.map(({ run }) => run)).toEqual([0]);
    expect(runs[0]?.pages).toHaveLength(256);
    expect(runs[0]?.pages.reduce((sum, page) => sum + page.length, 0)).toBe(4 * runWidth);
  });

  test('finds every leaf of a run before it is stored, after it is, and of what is not a run yet', () => {
    const wanted = [0, 7, 299, 300, 65_535, 65_536, leafCount - 1];
    for (const at of wanted) expect([...index.find(hashOf(at))]).toContain(at);
    expect(reads).toEqual([]);
    index.stored(runs);
    for (const at of wanted) expect([...index.find(hashOf(at))]).toContain(at);
    expect(reads).toHaveLength(wanted.length);
  });

  test('the same hash is found at each of its leaves, the first one first', () => {
    expect([...index.find(hashOf(7))].filter((at) => at === 7 || at === 70)).toEqual([7, 70]);
  });

  test('answers few leaves that are others', () => {
    let answers = 0;
    for (let at = 0; at < 1000; at += 1) answers += [...index.find(sha256(Buffer.from(`none ${at}`)))].length;
    expect(answers).toBeLessThan(50);
  });

  test('goes on from a size in the middle of a run', () => {
    const again = new LeafIndex(leafCount, (run, page) => runs[run]?.pages[page]);
    again.add(hashes, runWidth * 32, 1000, []);
    expect(again.size).toBe(leafCount);
    for (const at of [5, 65_536, leafCount - 1]) expect([...again.find(hashOf(at))]).toContain(at);
  });

  test('a run is in the order of the hashes', () => {
    const prefixes = Uint32Array.from({ length: runWidth }, (_, leaf) => hashes.readUInt32BE(leaf * 32));
    const expected = Array.from(prefixes, (prefix, leaf) => ({ prefix: prefix >>> 8, leaf })).toSorted(
      (a, b) => a.prefix - b.prefix || a.leaf - b.leaf,
    );
    const entries = Buffer.concat(encodeRun(prefixes));
    const found = expected.map((_, at) => [entries.readUInt16BE(at * 4), entries.readUInt16BE(at * 4 + 2)]);
    expect(found).toEqual(expected.map(({ prefix, leaf }) => [prefix & 0xffff, leaf]));
  });
});

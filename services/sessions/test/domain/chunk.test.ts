import { randomUUID } from 'node:crypto';
import { toHex } from '@lucid/common/formats/bytes';
import { chunkHeaderHash, parseChunkHeader } from '@lucid/common/formats/chunk';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { at } from '../../../../test/support/at.ts';
import { type TestChunk, TestRecorder } from '../../../../test/support/test-recorder.ts';
import {
  blobNameOf,
  type ChunkRecord,
  cipherBytesMax,
  placeChunk,
  readChunk,
  readContentDigest,
  requireSame,
} from '../../src/domain/chunk.ts';
import { openSession, type SessionRecord } from '../../src/domain/session.ts';

const sessionId = randomUUID();
const count = 24;
const gapMax = 6;
let empty: SessionRecord;
let records: ChunkRecord[];
let forked: ChunkRecord;

const toRecord = (chunk: TestChunk): ChunkRecord => readChunk(sessionId, chunk.chunkIndex, chunk.headers);

beforeAll(async () => {
  const recorder = await TestRecorder.create();
  empty = { ...openSession(sessionId, 'user-1', recorder.newSession(), 0), state: 'recording' };
  records = (await recorder.chunks(sessionId, count)).map(toRecord);
  forked = toRecord(await recorder.chunk(sessionId, 5, new Uint8Array(64)));
});

/** Plays chunks one after another as the store would, skipping what is refused. */
function play(order: readonly ChunkRecord[]): { session: SessionRecord; refused: string[] } {
  const stored = new Map<number, ChunkRecord>();
  const refused: string[] = [];
  let session = empty;
  for (const chunk of order) {
    try {
      const known = stored.get(chunk.chunkIndex);
      if (known) requireSame(known, chunk);
      else session = placeChunk(session, chunk, (index) => stored.get(index), gapMax);
      stored.set(chunk.chunkIndex, known ?? chunk);
    } catch (error) {
      refused.push((error as { code: string }).code);
    }
  }
  return { session, refused };
}

describe('placing chunks', () => {
  test('any order within the window, with any repeats, ends in the same progress', () => {
    const straight = play(records).session.progress;
    expect(straight).toMatchObject({ durableSeq: count - 1, storedCount: count });
    const storms = fc.array(fc.nat(count - 1), { minLength: 0, maxLength: 200 });
    fc.assert(
      fc.property(storms, (storm) => {
        const chaos = storm.map((index) => at(records, index));
        // What the window refused is sent again, in order, as a recorder does.
        expect(play([...chaos, ...records]).session.progress).toEqual(straight);
      }),
    );
  });

  test('durableSeq is the end of what has no gap, and names its header', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(gapMax), { maxLength: gapMax + 1 }), (indexes) => {
        const { progress } = play(indexes.map((index) => at(records, index))).session;
        const expected = Array.from({ length: count }, (_, index) => index).find((index) => !indexes.includes(index));
        expect(progress.durableSeq).toBe((expected as number) - 1);
        const last = records[progress.durableSeq];
        expect(progress.lastHeaderHash).toBe(last && toHex(chunkHeaderHash(last.header)));
      }),
    );
  });

  test('a chunk of another chain is refused from either side', () => {
    const after = play([...records.slice(0, 5), forked]);
    expect(after.refused).toEqual(['SESSION_CHUNK_CHAIN_BROKEN']);
    const before = play([at(records, 6), forked]);
    expect(before.refused).toEqual(['SESSION_CHUNK_CHAIN_BROKEN']);
    const twice = play([...records.slice(0, 6), forked]);
    expect(twice.refused).toEqual(['SESSION_CHUNK_CONFLICT']);
  });

  test('the window is counted from the first missing chunk', () => {
    expect(play([at(records, gapMax)]).refused).toEqual([]);
    expect(play([at(records, gapMax + 1)]).refused).toEqual(['SESSION_CHUNK_GAP_TOO_WIDE']);
    expect(play([...records.slice(0, 2), at(records, gapMax + 2)]).refused).toEqual([]);
  });
});

describe('what an upload names', () => {
  test('Content-Digest may name other algorithms beside SHA-256', () => {
    const digest = 'A'.repeat(43);
    expect(readContentDigest(`md5=:AAAA:, sha-256=:${digest}=:`)).toEqual(new Uint8Array(32));
    for (const bad of ['', 'sha-256', `sha-256=:${digest}:`, `sha-256=:${'A'.repeat(42)}B=:`, `sha-512=:${digest}=:`]) {
      expect(() => readContentDigest(bad)).toThrow(/Content-Digest/);
    }
  });

  test('a blob’s name tells session, index and content apart', () => {
    const names = [...records, forked].map((record) => `${blobNameOf(record).folder}/${blobNameOf(record).file}`);
    expect(new Set(names).size).toBe(count + 1);
    expect(names[5]).toMatch(new RegExp(`^${sessionId}/000005-[0-9a-f]{64}$`));
  });

  test('ciphertext may be as much larger as compression and encryption can make it', () => {
    const { cipherSize } = parseChunkHeader(at(records, 0).header);
    expect(cipherSize).toBe(64);
    expect(cipherBytesMax(64 * 1024 * 1024)).toBeLessThan(68 * 1024 * 1024);
    expect(cipherBytesMax(1)).toBeGreaterThan(1 + 16);
  });
});

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cutChunks } from '../src/recorder/cut-chunks.ts';

async function* streamOf(...pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

/** A source fed by hand. */
function createFeed(): { feed: (piece: Uint8Array) => void; end: () => void; source: ReadableStream<Uint8Array> } {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>(undefined, { highWaterMark: 100 });
  const writer = writable.getWriter();
  return { feed: (piece) => void writer.write(piece), end: () => void writer.close(), source: readable };
}

describe('cutting chunks', () => {
  test('gives back the same bytes, in chunks of the size asked for', async () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(pieces, fc.integer({ min: 1, max: 50 }), async (input, chunkBytes) => {
        const chunks = await Array.fromAsync(cutChunks(streamOf(...input), { chunkBytes }));
        expect(Buffer.concat(chunks)).toEqual(Buffer.concat(input));
        for (const chunk of chunks.slice(0, -1)) expect(chunk).toHaveLength(chunkBytes);
        for (const chunk of chunks) expect(chunk.length).toBeGreaterThan(0);
      }),
    );
  });

  test('cuts a live source by time, and only when it has something', async () => {
    const { feed, end, source } = createFeed();
    const chunks = cutChunks(source, { chunkBytes: 1000, flushAfterMs: 20 });
    feed(Uint8Array.of(1, 2));
    expect((await chunks.next()).value).toEqual(Uint8Array.of(1, 2));
    feed(Uint8Array.of(3));
    expect((await chunks.next()).value).toEqual(Uint8Array.of(3));
    end();
    expect((await chunks.next()).done).toBe(true);
  });

  test('stops at once when told to, even while the source stands still', async () => {
    const { source } = createFeed();
    const stop = new AbortController();
    const next = cutChunks(source, { chunkBytes: 10, signal: stop.signal }).next();
    stop.abort(new Error('enough'));
    await expect(next).rejects.toThrow('enough');
  });

  test('passes on what the source fails with', async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Uint8Array.of(1);
      throw new Error('cable pulled');
    }
    await expect(Array.fromAsync(cutChunks(failing(), { chunkBytes: 10 }))).rejects.toThrow('cable pulled');
  });
});

import { concatBytes } from '@lucid/common/formats/bytes';

export interface CutOptions {
  /** Bytes of a chunk before compression. */
  readonly chunkBytes: number;
  /** A live recording is cut at least this often while it has something, ms; by size alone unless given. */
  readonly flushAfterMs?: number;
  /** Stops at once, rejecting with its reason; what is not cut yet is lost to the caller. */
  readonly signal?: AbortSignal;
}

/**
 * Cuts a stream of bytes into chunks of exactly `chunkBytes`, the last and those cut by time being smaller. Holds one
 * chunk and the source's own piece in memory; an empty source gives nothing.
 */
export async function* cutChunks(
  source: AsyncIterable<Uint8Array>,
  { chunkBytes, flushAfterMs, signal }: CutOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const iterator = source[Symbol.asyncIterator]();
  using stops = stopOn(signal);
  let parts: Uint8Array[] = [];
  let size = 0;
  let since = 0;
  const take = (): Uint8Array<ArrayBuffer> => {
    const chunk = concatBytes(...parts);
    parts = [];
    size = 0;
    return chunk;
  };
  try {
    let next = iterator.next();
    for (;;) {
      const waitMs = flushAfterMs === undefined || size === 0 ? undefined : since + flushAfterMs - performance.now();
      const result = await firstOf(next, waitMs, stops.promise);
      if (result === 'late') {
        yield take();
        continue;
      }
      if (result.done) break;
      for (const piece of split(result.value, chunkBytes, size)) {
        if (size === 0) since = performance.now();
        parts.push(piece);
        size += piece.length;
        if (size === chunkBytes) yield take();
      }
      next = iterator.next();
    }
    if (size > 0) yield take();
  } finally {
    // Not awaited: a source that stands still would hold the caller.
    void iterator.return?.()?.catch(() => undefined);
  }
}

/** Splits a piece where chunks end, given how full the first one is. */
function* split(piece: Uint8Array, chunkBytes: number, size: number): Generator<Uint8Array> {
  for (let offset = 0, room = chunkBytes - size; offset < piece.length; room = chunkBytes) {
    yield piece.subarray(offset, offset + room);
    offset += room;
  }
}

async function firstOf<T>(
  next: Promise<T>,
  waitMs: number | undefined,
  stop: Promise<never> | undefined,
): Promise<T | 'late'> {
  let timer: NodeJS.Timeout | undefined;
  const racers: Promise<T | 'late'>[] = [next];
  if (stop !== undefined) racers.push(stop);
  if (waitMs !== undefined) {
    racers.push(
      new Promise((resolve) => {
        timer = setTimeout(resolve, Math.max(0, waitMs), 'late');
      }),
    );
  }
  try {
    return await Promise.race(racers);
  } finally {
    clearTimeout(timer);
  }
}

/** A promise that rejects when the signal aborts, and lets go of the signal when disposed. */
function stopOn(signal: AbortSignal | undefined): Disposable & { readonly promise: Promise<never> | undefined } {
  if (signal === undefined) return { promise: undefined, [Symbol.dispose]: () => undefined };
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  const stop = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  return { promise, [Symbol.dispose]: () => signal.removeEventListener('abort', stop) };
}

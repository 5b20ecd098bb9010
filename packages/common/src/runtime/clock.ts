import { setTimeout as delay } from 'node:timers/promises';

/**
 * Time as the platform sees it. `now` is wall-clock milliseconds since 1970 that never go backwards: a Pi has no
 * battery clock, so a jump back is held at the last reading (and told by `behindMs`) instead of being obeyed.
 */
export interface Clock {
  /** Milliseconds since 1970, never less than any earlier answer. */
  now(): number;
  /** By how many milliseconds the machine's clock is behind the last reading; 0 when all is well. */
  behindMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/**
 * The machine's clock, held monotonic. `floorMs` is the latest durable timestamp a store found at open, so that time
 * does not run backwards across a restart either.
 */
export function systemClock(options: { floorMs?: number; wall?: () => number } = {}): Clock {
  const wall = options.wall ?? Date.now;
  let last = options.floorMs ?? 0;
  return {
    now: () => (last = Math.max(last, wall())),
    behindMs: () => Math.max(0, last - wall()),
    sleep: (ms, signal) => delay(ms, undefined, signal ? { signal } : {}),
  };
}

/** RFC 3339 in UTC with milliseconds, the one form of a durable timestamp: `2026-01-31T12:00:00.000Z`. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString();
}

type Sleeper = { at: number; wake: () => void };

/** A clock that moves only when told to; sleepers wake as `advance` passes them, in order of time. */
export class TestClock implements Clock {
  #now: number;
  #sleepers: Sleeper[] = [];
  #waiting: (() => void)[] = [];

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  behindMs(): number {
    return 0;
  }

  /** Resolves once somebody sleeps on this clock, so that a test can advance without guessing. */
  async slept(): Promise<void> {
    if (this.#sleepers.length > 0) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  advance(ms: number): void {
    this.#now += ms;
    const due = this.#sleepers.filter((sleeper) => sleeper.at <= this.#now).toSorted((a, b) => a.at - b.at);
    this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.at > this.#now);
    for (const sleeper of due) sleeper.wake();
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sleeper = { at: this.#now + ms, wake: resolve };
    const abort = (): void => {
      this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
    this.#sleepers.push(sleeper);
    for (const notify of this.#waiting.splice(0)) notify();
    try {
      await promise;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }
}

import { setTimeout as delay } from 'node:timers/promises';
import { isAppError } from '@lucid/common/errors';

export interface RetryOptions {
  /** How long to go on trying while nothing succeeds, ms; for ever unless given. */
  readonly giveUpAfterMs?: number;
  readonly signal?: AbortSignal;
  /** Told of every failure that will be tried again. */
  readonly onRetry?: (error: Error, attempts: number) => void;
}

const WAIT_BASE_MS = 100;
const WAIT_MAX_MS = 5000;

/** Refusals that say "later", not "no". */
const passingCodes = new Set(['SESSION_CHUNK_IN_FLIGHT', 'SESSION_CHUNK_GAP_TOO_WIDE', 'IDEMPOTENCY_IN_FLIGHT']);

/** Whether the same call may succeed later: no answer, a server's fault, or a limit. */
export function isTransient(error: unknown): error is Error {
  if (!isAppError(error)) return false;
  return error.status >= 500 || error.status === 408 || error.status === 429 || passingCodes.has(error.code);
}

/** Calls until it succeeds or fails for good, waiting longer each time, with jitter. Only for calls that may be repeated. */
export async function retryTransient<T>(call: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { giveUpAfterMs = Number.POSITIVE_INFINITY, signal, onRetry } = options;
  const startedAt = performance.now();
  for (let attempts = 1; ; attempts += 1) {
    signal?.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      if (!isTransient(error) || performance.now() - startedAt > giveUpAfterMs) throw error;
      onRetry?.(error, attempts);
    }
    const ceiling = Math.min(WAIT_MAX_MS, WAIT_BASE_MS * 2 ** Math.min(attempts, 10));
    await delay(WAIT_BASE_MS / 2 + Math.random() * ceiling, undefined, { signal });
  }
}

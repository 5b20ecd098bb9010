import type { Clock } from '@lucid/common/runtime/clock';
import type { Logger } from '@lucid/common/runtime/logger';
import { followAnchor, type SettlementDeps } from '../domain/settlement.ts';

export interface AnchorFollowerOptions {
  readonly deps: SettlementDeps;
  readonly clock: Clock;
  readonly logger: Logger;
  /** First pause between two looks at an anchor, doubled each time, ms. */
  readonly pollMinMs: number;
  readonly pollMaxMs: number;
}

const sessionsMax = 10_000;

interface Look {
  readonly at: number;
  readonly pauseMs: number;
}

/**
 * Looks after queued anchors until they are confirmed and proven. Which ones is in the store, so a restart goes on
 * where it was; how often each is looked at is not, so it begins afresh.
 */
export class AnchorFollower implements AsyncDisposable {
  readonly #options: AnchorFollowerOptions;
  readonly #closing = new AbortController();
  readonly #next = new Map<string, Look>();
  #wake = Promise.withResolvers<void>();
  #worker: Promise<void> | undefined;

  constructor(options: AnchorFollowerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#worker ??= this.#work();
  }

  /** Looks at once: an anchor was queued just now. */
  wake(): void {
    this.#wake.resolve();
  }

  async #work(): Promise<void> {
    const { deps, clock, logger } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers<void>();
      const followed = await deps.store.listFollowed(sessionsMax).catch((error: unknown) => {
        logger.error({ err: error }, 'the followed anchors cannot be read');
        return [];
      });
      this.#forget(followed);
      for (const sessionId of followed) if (!signal.aborted) await this.#look(sessionId);
      const pauseMs = this.#pauseMs(followed.length > 0);
      const rest = new AbortController();
      const sleep = clock.sleep(pauseMs, AbortSignal.any([signal, rest.signal])).catch(() => undefined);
      await Promise.race([sleep, this.#wake.promise]);
      rest.abort();
    }
  }

  #forget(followed: readonly string[]): void {
    const known = new Set(followed);
    for (const sessionId of this.#next.keys()) if (!known.has(sessionId)) this.#next.delete(sessionId);
  }

  async #look(sessionId: string): Promise<void> {
    const { deps, clock, logger, pollMinMs, pollMaxMs } = this.#options;
    const look = this.#next.get(sessionId) ?? { at: 0, pauseMs: pollMinMs };
    if (look.at > clock.now()) return;
    try {
      if (await followAnchor(deps, sessionId)) {
        this.#next.delete(sessionId);
        return;
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      logger.warn({ sessionId, reason }, 'an anchor cannot be followed now; it is tried again');
    }
    this.#next.set(sessionId, { at: clock.now() + look.pauseMs, pauseMs: Math.min(pollMaxMs, look.pauseMs * 2) });
  }

  #pauseMs(isBusy: boolean): number {
    const { clock, pollMinMs, pollMaxMs } = this.#options;
    if (!isBusy) return pollMaxMs;
    const soonest = Math.min(...[...this.#next.values()].map(({ at }) => at));
    return Math.min(pollMaxMs, Math.max(pollMinMs, soonest - clock.now()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#wake.resolve();
    await this.#worker;
  }
}

import type { Clock } from '@lucid/common/runtime/clock';
import type { Logger } from '@lucid/common/runtime/logger';
import type { Library } from './domain/library.ts';

export interface RefresherOptions {
  readonly library: Library;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Between tries while a document is not current, ms. */
const retryMs = 1000;

/** Reads the documents again and again: at its interval, and every second while one is not current. */
export class Refresher implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #first = Promise.withResolvers<void>();
  readonly #worker: Promise<void>;

  constructor(options: RefresherOptions) {
    this.#worker = this.#run(options);
  }

  get first(): Promise<void> {
    return this.#first.promise;
  }

  async #run({ library, intervalMs, clock, logger }: RefresherOptions): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await library.refresh();
      } catch (error) {
        logger.error({ err: error }, 'the documents cannot be kept');
      }
      this.#first.resolve();
      const waitMs = library.isCurrent ? intervalMs : Math.min(intervalMs, retryMs);
      await clock.sleep(waitMs, this.#stop.signal).catch(() => undefined);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#worker;
  }
}

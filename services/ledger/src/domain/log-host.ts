import { ledgerError } from '../errors.ts';
import type { Log, LogObserver } from './log.ts';

export type LogHostOptions = {
  /** Opens the log from its stores; each call opens them anew. */
  readonly open: (observer: LogObserver) => Promise<Log>;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Told why the log stopped, and why opening it again failed. */
  readonly onTrouble: (error: unknown, message: string) => void;
};

const retryMinMs = 100;
const retryMaxMs = 5000;

/**
 * Holds the open log. A log that has failed is closed and opened from what is on the disk, which settles what the
 * failed commit left; until then requests are answered LEDGER_UNAVAILABLE and the service is not ready.
 */
export class LogHost implements AsyncDisposable {
  readonly #options: LogHostOptions;
  readonly #observers: LogObserver[] = [];
  readonly #closing = new AbortController();
  #log: Log | undefined;
  #trouble: unknown;
  #reopening: Promise<void> | undefined;

  constructor(options: LogHostOptions) {
    this.#options = options;
  }

  /** Opens the log for the first time; what stops it is for the operator, so it is thrown. */
  async start(): Promise<void> {
    this.#log = await this.#options.open(this.#observer);
  }

  observe(observer: LogObserver): void {
    this.#observers.push(observer);
  }

  get #observer(): LogObserver {
    return {
      committed: (entryCount, seconds) => {
        for (const observer of this.#observers) observer.committed?.(entryCount, seconds);
      },
      published: (treeSize) => {
        for (const observer of this.#observers) observer.published?.(treeSize);
      },
      unendorsed: (error) => {
        for (const observer of this.#observers) observer.unendorsed?.(error);
      },
      failed: (error) => {
        for (const observer of this.#observers) observer.failed?.(error);
        this.#trouble = error;
        this.#options.onTrouble(error, 'the log has stopped and is opened anew');
        this.#reopening ??= this.#reopen();
      },
    };
  }

  /** The open log. Throws LEDGER_UNAVAILABLE while there is none. */
  get log(): Log {
    if (this.#log && this.#trouble === undefined) return this.#log;
    throw ledgerError('LEDGER_UNAVAILABLE', 'The log is being opened anew after a failed write', {
      retryAfterSec: 1,
      cause: this.#trouble,
    });
  }

  /** Resolves once a reopening that runs has ended. */
  async settled(): Promise<void> {
    await this.#reopening;
  }

  async #reopen(): Promise<void> {
    for (let pauseMs = retryMinMs; !this.#closing.signal.aborted; pauseMs = Math.min(retryMaxMs, pauseMs * 2)) {
      try {
        await this.#log?.[Symbol.asyncDispose]();
        this.#log = undefined;
        this.#log = await this.#options.open(this.#observer);
        this.#trouble = undefined;
        break;
      } catch (error) {
        this.#trouble = error;
        this.#options.onTrouble(error, 'the log cannot be opened; it is tried again');
        await this.#options.sleep(pauseMs, this.#closing.signal).catch(() => undefined);
      }
    }
    this.#reopening = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#reopening;
    await this.#log?.[Symbol.asyncDispose]();
  }
}

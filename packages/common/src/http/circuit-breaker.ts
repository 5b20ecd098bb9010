import { AppError } from '../errors.ts';

export interface CircuitBreakerOptions {
  /** Failures in a row that open it. */
  readonly failuresMax: number;
  /** How long it stays open before one probe is let through, ms. */
  readonly openMs: number;
  readonly now?: () => number;
}

/** closed: calls pass. open: calls fail at once. half-open: one probe decides. */
export type CircuitState = 'closed' | 'open' | 'half-open';

/** Stops calls to a service that keeps failing, so that callers fail fast and it gets air to recover. */
export class CircuitBreaker {
  readonly #name: string;
  readonly #options: CircuitBreakerOptions;
  readonly #now: () => number;
  #failures = 0;
  #openedAt: number | undefined;
  #isProbing = false;

  constructor(name: string, options: CircuitBreakerOptions) {
    this.#name = name;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  get state(): CircuitState {
    if (this.#openedAt === undefined) return 'closed';
    return this.#now() - this.#openedAt < this.#options.openMs ? 'open' : 'half-open';
  }

  /**
   * @param isFault what a failure says of the service: a fault, that it works, or (undefined) nothing
   * @throws CIRCUIT_OPEN without calling `work` while open, or while another call probes.
   */
  async run<T>(work: () => Promise<T>, isFault: (error: unknown) => boolean | undefined): Promise<T> {
    const { state } = this;
    if (state === 'open' || (state === 'half-open' && this.#isProbing)) throw this.#refusal();
    this.#isProbing = state === 'half-open';
    try {
      const result = await work();
      this.#close();
      return result;
    } catch (error) {
      const verdict = isFault(error);
      if (verdict === true) this.#fail(state);
      if (verdict === false) this.#close();
      throw error;
    } finally {
      if (state === 'half-open') this.#isProbing = false;
    }
  }

  #close(): void {
    this.#failures = 0;
    this.#openedAt = undefined;
  }

  #fail(state: CircuitState): void {
    // A call from before it opened says nothing of the service as it is now.
    if (state === 'closed' && this.#openedAt !== undefined) return;
    this.#failures += 1;
    if (state === 'half-open' || this.#failures >= this.#options.failuresMax) this.#openedAt = this.#now();
  }

  #refusal(): AppError {
    const waitMs = this.#options.openMs - (this.#now() - (this.#openedAt ?? 0));
    return new AppError('CIRCUIT_OPEN', `${this.#name} keeps failing; calls to it are paused.`, {
      status: 503,
      retryAfterSec: Math.max(1, Math.ceil(waitMs / 1000)),
      data: { dependency: this.#name },
    });
  }
}

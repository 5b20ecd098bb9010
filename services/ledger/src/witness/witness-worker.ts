import { AppError, isAppError } from '@lucid/common/errors';
import type { Sleep, WitnessObserver, WitnessStatus } from './endorser.ts';
import type { CosignedLine, CosignRequest, WitnessClient } from './witness-client.ts';

export type WitnessWorkerOptions = {
  readonly client: WitnessClient;
  readonly sleep: Sleep;
  readonly timeoutMs: number;
  readonly closing: AbortSignal;
  readonly observer: WitnessObserver;
};

type Job = { readonly request: CosignRequest } & PromiseWithResolvers<CosignedLine[]>;

const backOffMinMs = 100;
const backOffMaxMs = 30_000;
/** A witness may ask for more patience than that, but for no more than this. */
const retryAfterMaxMs = 300_000;

/**
 * Asks one witness, one request at a time: what waits is only ever the newest checkpoint. After a failure it waits,
 * longer each time, before it asks again.
 */
export class WitnessWorker {
  readonly #options: WitnessWorkerOptions;
  #next: Job | undefined;
  #running: Promise<void> | undefined;
  #pauseMs = 0;
  #failureCount = 0;
  #lastFailure: unknown;
  #lastSuccessAt: number | undefined;

  constructor(options: WitnessWorkerOptions) {
    this.#options = options;
  }

  get status(): WitnessStatus {
    const failure = this.#lastFailure;
    return {
      witness: this.#options.client.name,
      lastSuccessAt: this.#lastSuccessAt,
      failureCount: this.#failureCount,
      lastFailure: this.#failureCount === 0 || !(failure instanceof Error) ? undefined : failure.message,
    };
  }

  /** What it was asked last, it did not give. */
  get isFailing(): boolean {
    return this.#failureCount > 0;
  }

  /** Resolves with the witness's cosignatures; rejects as `WitnessClient.cosign`, WITNESS_SUPERSEDED by a newer request. */
  ask(request: CosignRequest): Promise<CosignedLine[]> {
    this.#next?.reject(new AppError('WITNESS_SUPERSEDED', 'A newer checkpoint took its place'));
    this.#next = { request, ...Promise.withResolvers<CosignedLine[]>() };
    const { promise } = this.#next;
    this.#running ??= this.#run();
    return promise;
  }

  /** Resolves once nothing is asked any more. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#next) {
      const paused = this.#pauseMs > 0 ? await this.#pause() : undefined;
      const job = this.#next;
      this.#next = undefined;
      if (paused) job.reject(paused);
      else await this.#attempt(job);
    }
    this.#running = undefined;
  }

  /** Waits out the back-off; answers why it was cut short. */
  async #pause(): Promise<Error | undefined> {
    const { sleep, closing } = this.#options;
    try {
      await sleep(this.#pauseMs, closing);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new AppError('WITNESS_CLOSED', 'The log is closing');
    }
  }

  async #attempt({ request, resolve, reject }: Job): Promise<void> {
    const { client, timeoutMs, closing, observer } = this.#options;
    const startedAt = performance.now();
    const asked = (failure?: unknown) => observer.asked(client.name, (performance.now() - startedAt) / 1000, failure);
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const signal = AbortSignal.any([closing, request.signal, timeout]);
      const lines = await client.cosign({ ...request, signal });
      this.#pauseMs = 0;
      this.#failureCount = 0;
      this.#lastSuccessAt = Date.now();
      asked();
      resolve(lines);
    } catch (cause) {
      const error = timeout.aborted
        ? new AppError('WITNESS_TIMEOUT', `The witness did not answer within ${timeoutMs} ms`, { cause })
        : cause;
      this.#failureCount += 1;
      this.#lastFailure = error;
      this.#pauseMs = pauseAfter(this.#failureCount, error);
      asked(error);
      reject(error);
    }
  }
}

/** Doubles with each failure, with jitter so that logs which lost the same witness do not come back at once. */
function pauseAfter(failureCount: number, error: unknown): number {
  const ceiling = Math.min(backOffMaxMs, backOffMinMs * 2 ** Math.min(failureCount - 1, 10));
  const wanted = isAppError(error) ? (error.retryAfterSec ?? 0) * 1000 : 0;
  return Math.max(Math.min(wanted, retryAfterMaxMs), ceiling / 2 + (Math.random() * ceiling) / 2);
}

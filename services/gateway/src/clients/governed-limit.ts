import { blockchainApi } from '@lucid/common/apis/blockchain';
import { createServiceClient, type ServiceClientOptions } from '@lucid/common/http/service-client';
import type { Clock } from '@lucid/common/runtime/clock';
import type { Logger } from '@lucid/common/runtime/logger';

export interface GovernedLimitOptions extends Pick<ServiceClientOptions, 'baseUrl' | 'issueToken'> {
  readonly intervalMs: number;
  readonly fallback: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const key = 'gatewayRequestsPerMinute';

/**
 * The governed `gatewayRequestsPerMinute`, read again and again from the chain's face. The last value read holds while
 * the chain cannot be asked; before the first, the configured one does.
 */
export class GovernedLimit implements AsyncDisposable {
  readonly #options: GovernedLimitOptions;
  readonly #stop = new AbortController();
  readonly #worker: Promise<void>;
  #value: number;

  constructor(options: GovernedLimitOptions) {
    this.#options = options;
    this.#value = options.fallback;
    this.#worker = this.#run();
  }

  /** Requests per minute for one subject or address. */
  get value(): number {
    return this.#value;
  }

  async #run(): Promise<void> {
    const { baseUrl, issueToken, intervalMs, clock, logger } = this.#options;
    const client = createServiceClient(blockchainApi, { baseUrl, issueToken, attemptsMax: 1, timeoutMs: 2000 });
    while (!this.#stop.signal.aborted) {
      try {
        const { value } = await client.getParam({ params: { key } }, { signal: this.#stop.signal });
        this.#take(Number(value));
      } catch (error) {
        if (!this.#stop.signal.aborted) logger.debug({ err: error }, `${key} cannot be read now`);
      }
      await clock.sleep(intervalMs, this.#stop.signal).catch(() => undefined);
    }
  }

  #take(value: number): void {
    if (!Number.isSafeInteger(value) || value < 1 || value === this.#value) return;
    this.#options.logger.info({ requestsPerMinute: value }, `${key} changed`);
    this.#value = value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#worker;
  }
}

import { blockchainApi } from '@lucid/common/apis/blockchain';
import { createClient } from '@lucid/common/http/client';
import type { Clock } from '@lucid/common/runtime/clock';
import type { Logger } from '@lucid/common/runtime/logger';

export interface ChunkLimitOptions {
  readonly baseUrl: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often the parameter is asked for, ms. */
  readonly pollMs: number;
  /** The limit until the chain has been heard, bytes. */
  readonly initialBytes: number;
  /** The most that is ever taken, whatever the chain says, bytes. */
  readonly boundBytes: number;
}

const paramKey = 'maxChunkSize';

/**
 * Follows the governed parameter `maxChunkSize`, so that a vote is obeyed within seconds of its execution. While the
 * chain cannot be asked the last value stands.
 */
export class ChunkLimit implements AsyncDisposable {
  readonly #options: ChunkLimitOptions;
  readonly #closing = new AbortController();
  #bytes: number;
  #isHeard = true;
  #worker: Promise<void> | undefined;

  constructor(options: ChunkLimitOptions) {
    this.#options = options;
    this.#bytes = Math.min(options.initialBytes, options.boundBytes);
  }

  /** The limit of a chunk before compression, bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  start(): void {
    this.#worker ??= this.#follow();
  }

  async #follow(): Promise<void> {
    const { baseUrl, clock, pollMs } = this.#options;
    const { signal } = this.#closing;
    const client = createClient(blockchainApi, { baseUrl, timeoutMs: 2000, attemptsMax: 1 });
    while (!signal.aborted) {
      try {
        const { value } = await client.getParam({ params: { key: paramKey } }, { signal });
        this.#set(Number(value));
      } catch (error) {
        if (!signal.aborted) this.#note(error);
      }
      await clock.sleep(pollMs, signal).catch(() => undefined);
    }
  }

  #set(value: number): void {
    this.#isHeard = true;
    const bytes = Math.min(value, this.#options.boundBytes);
    if (bytes === this.#bytes || !Number.isSafeInteger(bytes) || bytes < 1) return;
    this.#options.logger.info({ bytes, before: this.#bytes }, 'the governed chunk limit changed');
    this.#bytes = bytes;
  }

  /** Said once for each silence of the chain. */
  #note(error: unknown): void {
    if (this.#isHeard) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.logger.warn({ reason, bytes: this.#bytes }, 'the governed chunk limit cannot be read; it stands');
    }
    this.#isHeard = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#worker;
  }
}

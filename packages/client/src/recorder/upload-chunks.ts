import { toBase64, toHex } from '@lucid/common/formats/bytes';
import { parseChunkHeader } from '@lucid/common/formats/chunk';
import type { SessionsClient } from '../lucid-client.ts';
import type { Journal } from './journal.ts';
import { type RetryOptions, retryTransient } from './retry.ts';

export interface UploaderOptions extends RetryOptions {
  readonly sessions: Pick<SessionsClient, 'putChunk'>;
  readonly journal: Journal;
  readonly sessionId: string;
  /** Uploads at once. */
  readonly uploadsMax: number;
  /** For one attempt at one chunk, ms. */
  readonly uploadTimeoutMs: number;
  readonly onAcknowledged: (chunkIndex: number) => void;
  /** Told once, of the first chunk that was refused for good. */
  readonly onFailure: (error: unknown) => void;
}

/** Sends the journal's chunks, a few at once, until each is acknowledged; then the journal forgets their content. */
export class Uploader {
  readonly #options: UploaderOptions;
  readonly #queue: number[] = [];
  readonly #waiters = new Set<() => void>();
  #active = 0;
  #failure: unknown;

  constructor(options: UploaderOptions) {
    this.#options = options;
  }

  /** Chunks queued or on their way. */
  get pendingCount(): number {
    return this.#queue.length + this.#active;
  }

  push(chunkIndex: number): void {
    this.#queue.push(chunkIndex);
    this.#start();
  }

  /** Resolves once fewer than `count` chunks are pending; rejects when one was refused for good. */
  async whenFewerThan(count: number): Promise<void> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.pendingCount < count) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiters.add(resolve);
      await promise;
    }
  }

  /** Forgets what is queued and resolves once nothing is on its way any more. */
  async whenIdle(): Promise<void> {
    this.#queue.length = 0;
    while (this.#active > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiters.add(resolve);
      await promise;
    }
  }

  #start(): void {
    while (this.#failure === undefined && this.#active < this.#options.uploadsMax) {
      const chunkIndex = this.#queue.shift();
      if (chunkIndex === undefined) return;
      this.#active += 1;
      void this.#run(chunkIndex);
    }
  }

  async #run(chunkIndex: number): Promise<void> {
    try {
      await this.#upload(chunkIndex);
    } catch (error) {
      if (this.#failure === undefined) this.#options.onFailure(error);
      this.#failure ??= error;
    }
    this.#active -= 1;
    this.#start();
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
  }

  async #upload(chunkIndex: number): Promise<void> {
    const { sessions, journal, sessionId, uploadTimeoutMs, signal, onAcknowledged } = this.#options;
    const { header, signature, stored } = await journal.readChunk(chunkIndex);
    const fields = parseChunkHeader(header);
    const input = {
      params: { sessionId, chunkIndex },
      headers: {
        'content-digest': `sha-256=:${toBase64(fields.cipherDigest)}:`,
        'lucid-captured-at': String(fields.capturedAt),
        'lucid-plain-size': String(fields.plainSize),
        'lucid-cipher-size': String(fields.cipherSize),
        'lucid-chunk-salt': toHex(fields.chunkSalt),
        'lucid-previous-hash': toHex(fields.previousHash),
        'lucid-header-signature': toHex(signature),
      },
      rawBody: stored,
    };
    const call = { timeoutMs: uploadTimeoutMs, ...(signal === undefined ? {} : { signal }) };
    await retryTransient(() => sessions.putChunk(input, call), this.#options);
    await journal.drop(chunkIndex);
    onAcknowledged(chunkIndex);
  }
}

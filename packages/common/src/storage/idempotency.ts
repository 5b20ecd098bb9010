import { AppError } from '../errors.ts';
import { decodeJson, encodeJson } from './json.ts';
import { type BatchWriter, createBatch, type KeyValueStore } from './kv.ts';
import { type KeySpace, keySpace, parseUint64be, uint64be } from './prefix.ts';

/** The answer that is given again to a repeated request. */
export type StoredResponse = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

export type IdempotentRequest = {
  /** Who asks, and for which operation: a key means nothing outside its scope. */
  readonly scope: string;
  /** The `Idempotency-Key`. */
  readonly key: string;
  /** A digest of everything that decides the outcome: method, path, body. */
  readonly fingerprint: string;
};

/** Either the answer of the first request, or the right to carry it out. */
export type IdempotencyClaim =
  | { readonly kind: 'replay'; readonly response: StoredResponse }
  | {
      readonly kind: 'new';
      /** Adds the answer to the caller's batch, so that it is stored exactly if the work is. */
      complete(batch: BatchWriter, response: StoredResponse): void;
      /** As `complete`, in a synced write of its own: for work that is itself idempotent. */
      store(response: StoredResponse): Promise<void>;
      /** Lets go of a key whose work failed, so that it may be tried again. A no-op once completed. */
      release(): void;
    };

export type IdempotencyOptions = {
  readonly store: KeyValueStore;
  /** Its part of the store's keys; nothing else may use it. */
  readonly prefix: string;
  readonly now: () => number;
  /** How long an answer is kept: longer than any client retries. */
  readonly ttlMs: number;
};

type Stored = { fingerprint: string; expiresAt: number; response: StoredResponse };

const keyPattern = /^[\x21-\x7e]{1,255}$/;
const purgePerClaim = 8;

/**
 * Keys of requests that must not be carried out twice (draft-ietf-httpapi-idempotency-key-header). A request in work
 * is known to this process only: after a crash its key is free again, which is right, because nothing was answered.
 */
export class IdempotencyStore {
  readonly #options: IdempotencyOptions;
  readonly #answers: KeySpace;
  readonly #expiries: KeySpace;
  readonly #inFlight = new Map<string, string>();

  constructor(options: IdempotencyOptions) {
    this.#options = options;
    this.#answers = keySpace(`${options.prefix}a`);
    this.#expiries = keySpace(`${options.prefix}x`);
  }

  /**
   * Claims a key. Throws IDEMPOTENCY_KEY_INVALID (400), IDEMPOTENCY_KEY_REUSED (422) when it came before with another
   * request, IDEMPOTENCY_IN_FLIGHT (409) while the first request is in work.
   */
  async claim(request: IdempotentRequest): Promise<IdempotencyClaim> {
    if (!keyPattern.test(request.key)) {
      throw new AppError('IDEMPOTENCY_KEY_INVALID', 'An Idempotency-Key is 1 to 255 visible ASCII characters', {
        status: 400,
      });
    }
    const name = `${request.scope}\0${request.key}`;
    this.#refuseInFlight(name, request.fingerprint);
    this.#inFlight.set(name, request.fingerprint);
    try {
      await this.purgeExpired(purgePerClaim);
      const stored = this.#find(name);
      if (!stored) return this.#grant(name, request.fingerprint);
      if (stored.fingerprint !== request.fingerprint) throw reused();
      this.#inFlight.delete(name);
      return { kind: 'replay', response: stored.response };
    } catch (error) {
      this.#inFlight.delete(name);
      throw error;
    }
  }

  #refuseInFlight(name: string, fingerprint: string): void {
    const running = this.#inFlight.get(name);
    if (running === undefined) return;
    if (running !== fingerprint) throw reused();
    throw new AppError('IDEMPOTENCY_IN_FLIGHT', 'The first request with this Idempotency-Key is still in work', {
      status: 409,
      retryAfterSec: 1,
    });
  }

  #find(name: string): Stored | undefined {
    const bytes = this.#options.store.findSync(this.#answers.key(name));
    const stored = bytes && decodeJson<Stored>(bytes);
    return stored && stored.expiresAt > this.#options.now() ? stored : undefined;
  }

  #grant(name: string, fingerprint: string): IdempotencyClaim {
    let isHeld = true;
    // A second release must not take the key from whoever claimed it since.
    const release = (): void => {
      if (isHeld) this.#inFlight.delete(name);
      isHeld = false;
    };
    const complete = (batch: BatchWriter, response: StoredResponse): void => {
      const expiresAt = this.#options.now() + this.#options.ttlMs;
      const stored: Stored = { fingerprint, expiresAt, response };
      batch.put(this.#answers.key(name), encodeJson(stored));
      batch.put(this.#expiries.key(uint64be(expiresAt), name), new Uint8Array());
      batch.afterCommit(release);
    };
    const store = async (response: StoredResponse): Promise<void> => {
      const batch = createBatch();
      complete(batch, response);
      await this.#options.store.write(batch, { sync: true });
    };
    return { kind: 'new', complete, store, release };
  }

  /** Removes up to `limit` answers whose time is over; answers how many. */
  async purgeExpired(limit: number): Promise<number> {
    const until = this.#expiries.key(uint64be(this.#options.now() + 1));
    const due: Uint8Array[] = [];
    for await (const [key] of this.#options.store.range({ gte: this.#expiries.prefix, lt: until, limit }))
      due.push(key);
    const batch = createBatch();
    for (const key of due) this.#purge(batch, key);
    if (batch.operations.length > 0) await this.#options.store.write(batch, { sync: false });
    return due.length;
  }

  /** From the look to the write nothing is awaited: an answer that is stored anew is after it, or in flight and left. */
  #purge(batch: BatchWriter, key: Uint8Array): void {
    const rest = this.#expiries.strip(key);
    const name = rest.subarray(8);
    if (this.#inFlight.has(Buffer.from(name).toString('utf8'))) return;
    const answer = this.#options.store.findSync(this.#answers.key(name));
    batch.del(key);
    if (answer && decodeJson<Stored>(answer).expiresAt === parseUint64be(rest)) batch.del(this.#answers.key(name));
  }
}

function reused(): AppError {
  return new AppError('IDEMPOTENCY_KEY_REUSED', 'This Idempotency-Key came before with another request', {
    status: 422,
  });
}

import { randomUUID } from 'node:crypto';
import { AppError } from '../errors.ts';
import { decodeJson, encodeJson } from './json.ts';
import type { BatchWriter, KeyValueStore } from './kv.ts';
import { createBatch } from './kv.ts';
import { type KeySpace, keySpace, parseUint64be, uint64be } from './prefix.ts';

/** What must happen elsewhere because something was written here. */
export type OutboxMessage<Payload> = {
  /** Stable across retries and restarts: send it as `Idempotency-Key`. */
  readonly id: string;
  readonly payload: Payload;
};

/** A message that was given up, with what an operator needs to decide about it. */
export type ParkedMessage<Payload> = OutboxMessage<Payload> & {
  readonly reason: string;
  readonly code: string;
  readonly attempts: number;
  readonly parkedAt: number;
};

export type OutboxStats = {
  readonly pending: number;
  readonly parked: number;
  /** Attempts made at the message that is first in line. */
  readonly attempts: number;
  /** When the first in line was appended (ms since 1970), for the age of the backlog. */
  readonly oldestAt: number | undefined;
  /** Why the last attempt failed; undefined once one succeeds. */
  readonly lastError: string | undefined;
};

export type OutboxOptions = {
  readonly store: KeyValueStore;
  /** The outbox's part of the store's keys; nothing else may use it. */
  readonly prefix: string;
  readonly clock: OutboxClock;
  /** Uniform in [0, 1), for jitter. */
  readonly random?: () => number;
  /** The first pause after a failure, doubled at each one, with full jitter. */
  readonly retryMinMs?: number;
  readonly retryMaxMs?: number;
  /** Whether trying again can never help; by default an AppError of status 4xx that is not about time or access. */
  readonly isPermanent?: (error: unknown) => boolean;
};

/** The part of the platform's clock an outbox uses. */
export interface OutboxClock {
  now(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Delivers one message; resolves when the other side has it for good. The signal aborts when the outbox closes. */
export type Deliver<Payload> = (message: OutboxMessage<Payload>, signal: AbortSignal) => Promise<unknown>;

type PendingRecord<Payload> = { id: string; payload: Payload; at: number };

/** Statuses of the 4xx class that time or an operator may heal. */
const healable = new Set([401, 403, 404, 408, 409, 425, 429]);

function isPermanentByDefault(error: unknown): boolean {
  return error instanceof AppError && error.status >= 400 && error.status < 500 && !healable.has(error.status);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Opens an outbox: what is in it from before is counted and will be delivered first.
 *
 * The contract:
 * - Atomic: `append` adds the message to the caller's batch, so it exists exactly if the caller's own records do.
 * - Ordered: messages are delivered one at a time, in the order they were appended. One that fails for a while holds
 *   the ones behind it; use an outbox for each destination.
 * - At least once: a crash between delivery and its note delivers again, under the same id.
 * - Patient: failures are retried for ever with exponential back-off; permanent ones are parked, never dropped.
 */
export async function openOutbox<Payload>(options: OutboxOptions): Promise<Outbox<Payload>> {
  const space = keySpace(options.prefix);
  let pending = 0;
  let next = 0;
  let oldestAt: number | undefined;
  for await (const [key, value] of options.store.range(space.range('p'))) {
    pending += 1;
    next = parseUint64be(key, key.length - 8) + 1;
    oldestAt ??= decodeJson<PendingRecord<Payload>>(value).at;
  }
  let parked = 0;
  for await (const [key] of options.store.range(space.range('d'))) {
    parked += 1;
    next = Math.max(next, parseUint64be(key, key.length - 8) + 1);
  }
  return new Outbox(options, space, { pending, parked, next, oldestAt });
}

export class Outbox<Payload> implements AsyncDisposable {
  readonly #options: OutboxOptions;
  readonly #space: KeySpace;
  readonly #closing = new AbortController();
  #pending: number;
  #parked: number;
  #next: number;
  #attempts = 0;
  #oldestAt: number | undefined;
  #lastError: string | undefined;
  #wake = Promise.withResolvers<void>();
  #idle: (() => void)[] = [];
  readonly #returning = new Set<string>();
  #worker: Promise<void> | undefined;

  constructor(
    options: OutboxOptions,
    space: KeySpace,
    found: { pending: number; parked: number; next: number; oldestAt: number | undefined },
  ) {
    this.#options = options;
    this.#space = space;
    this.#pending = found.pending;
    this.#parked = found.parked;
    this.#next = found.next;
    this.#oldestAt = found.oldestAt;
  }

  /** Adds a message to the caller's batch; it is delivered once the batch is written. Answers its id. */
  append(batch: BatchWriter, payload: Payload, id: string = randomUUID()): string {
    const at = this.#options.clock.now();
    const record: PendingRecord<Payload> = { id, payload, at };
    batch.put(this.#space.key('p', uint64be(this.#next++)), encodeJson(record));
    batch.afterCommit(() => {
      this.#pending += 1;
      this.#oldestAt ??= at;
      this.#wake.resolve();
    });
    return id;
  }

  get stats(): OutboxStats {
    return {
      pending: this.#pending,
      parked: this.#parked,
      attempts: this.#attempts,
      oldestAt: this.#oldestAt,
      lastError: this.#lastError,
    };
  }

  /** Starts delivering, first what an earlier process left. Called once. */
  start(deliver: Deliver<Payload>): void {
    this.#worker ??= this.#work(deliver);
  }

  /** Resolves when nothing is pending. */
  async idle(): Promise<void> {
    if (this.#pending === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Parked messages, oldest first. */
  async listParked(limit = 50): Promise<ParkedMessage<Payload>[]> {
    const messages: ParkedMessage<Payload>[] = [];
    for await (const [, value] of this.#options.store.range({ ...this.#space.range('d'), limit })) {
      messages.push(decodeJson<ParkedMessage<Payload>>(value));
    }
    return messages;
  }

  /** Puts a parked message back at the end of the line; false when there is none with this id, or it is on its way. */
  async retryParked(id: string): Promise<boolean> {
    if (this.#returning.has(id)) return false;
    this.#returning.add(id);
    try {
      return await this.#putBack(id);
    } finally {
      this.#returning.delete(id);
    }
  }

  async #putBack(id: string): Promise<boolean> {
    for await (const [key, value] of this.#options.store.range(this.#space.range('d'))) {
      const message = decodeJson<ParkedMessage<Payload>>(value);
      if (message.id !== id) continue;
      const batch = createBatch();
      batch.del(key);
      this.append(batch, message.payload, id);
      batch.afterCommit(() => void (this.#parked -= 1));
      await this.#options.store.write(batch, { sync: true });
      return true;
    }
    return false;
  }

  /** Stops after the delivery that runs, whose signal is aborted; what is pending stays for the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new AppError('OUTBOX_CLOSED', 'The outbox is closing', { status: 503 }));
    this.#wake.resolve();
    await this.#worker;
  }

  async #work(deliver: Deliver<Payload>): Promise<void> {
    while (!this.#closing.signal.aborted) {
      this.#wake = Promise.withResolvers<void>();
      const { store } = this.#options;
      try {
        // A store that can note nothing would have the same message delivered over and over.
        if (store.failure) throw store.failure;
        const head = await this.#first();
        if (head) await this.#attempt(head.key, head.record, deliver);
        else await this.#rest();
      } catch (error) {
        // The store itself refused: nothing was noted, so the message is delivered again once it is open anew.
        this.#lastError = messageOf(error);
        await this.#pause(true);
      }
    }
  }

  async #rest(): Promise<void> {
    for (const resolve of this.#idle.splice(0)) resolve();
    if (!this.#closing.signal.aborted) await this.#wake.promise;
  }

  async #first(): Promise<{ key: Uint8Array; record: PendingRecord<Payload> } | undefined> {
    for await (const [key, value] of this.#options.store.range({ ...this.#space.range('p'), limit: 1 })) {
      return { key, record: decodeJson<PendingRecord<Payload>>(value) };
    }
    return undefined;
  }

  async #attempt(key: Uint8Array, record: PendingRecord<Payload>, deliver: Deliver<Payload>): Promise<void> {
    const { signal } = this.#closing;
    this.#oldestAt = record.at;
    this.#attempts += 1;
    try {
      await deliver({ id: record.id, payload: record.payload }, signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#lastError = messageOf(error);
      const { isPermanent = isPermanentByDefault } = this.#options;
      if (isPermanent(error)) await this.#settle(key, { record, error });
      else await this.#pause();
      return;
    }
    this.#lastError = undefined;
    await this.#settle(key);
  }

  /** Takes the message out of the line, into the parked ones if it failed for good. */
  async #settle(key: Uint8Array, failed?: { record: PendingRecord<Payload>; error: unknown }): Promise<void> {
    const batch = createBatch();
    batch.del(key);
    if (failed) {
      const parked: ParkedMessage<Payload> = {
        id: failed.record.id,
        payload: failed.record.payload,
        reason: messageOf(failed.error),
        code: failed.error instanceof AppError ? failed.error.code : 'UNKNOWN',
        attempts: this.#attempts,
        parkedAt: this.#options.clock.now(),
      };
      batch.put(this.#space.key('d', key.subarray(key.length - 8)), encodeJson(parked));
    }
    batch.afterCommit(() => {
      this.#pending -= 1;
      this.#parked += failed ? 1 : 0;
      this.#attempts = 0;
      this.#oldestAt = undefined;
    });
    // A note of delivery that a power cut loses costs one more delivery under the same id, so it need not wait.
    await this.#options.store.write(batch, { sync: failed !== undefined });
  }

  async #pause(isStoreAtFault = false): Promise<void> {
    const { retryMinMs = 200, retryMaxMs = 30_000, random = Math.random, clock } = this.#options;
    const grown = retryMinMs * 2 ** Math.min(this.#attempts - 1, 20);
    const ceiling = isStoreAtFault ? retryMaxMs : Math.min(retryMaxMs, grown);
    const pauseMs = Math.round(ceiling * (0.5 + random() / 2));
    await clock.sleep(pauseMs, this.#closing.signal).catch(() => undefined);
  }
}

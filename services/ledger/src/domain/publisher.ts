import assert from 'node:assert/strict';
import { type Checkpoint, signCheckpoint } from '@lucid/common/formats/checkpoint';
import { ledgerError } from '../errors.ts';
import { type LogKey, signersOf } from './log-key.ts';
import type { PublishedStore } from './log-store.ts';

/** A checkpoint that anybody may have: its signed note and what it says. */
export type PublishedCheckpoint = Checkpoint & { readonly note: string };

/**
 * Adds cosignatures to a signed checkpoint and answers the note that may be published. A rejection means "not yet": the
 * newest durable tree is tried again later, while appends go on.
 */
export type Endorse = (
  note: string,
  checkpoint: Checkpoint,
  signal: AbortSignal,
  /** The consistency proof from an older size, not 0, to the checkpoint's (RFC 6962 §2.1.2); may be asked for later too. */
  prove: (oldSize: number) => Uint8Array[],
) => Promise<string>;

export type PublisherParts = {
  readonly key: LogKey;
  readonly published: PublishedStore;
  readonly lastPublished: PublishedCheckpoint;
  readonly endorse?: Endorse | undefined;
  /** What was published last lacks cosignatures that are asked for now: its tree is published again, with them. */
  readonly isUnendorsed?: boolean;
  /** Consistency proofs of durable trees. */
  readonly prove: (oldSize: number, newSize: number) => Uint8Array[];
  /** The least time between two publications nobody waits for; 0 publishes every commit the disk has time for. */
  readonly intervalMs: number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly onPublished: (checkpoint: PublishedCheckpoint) => void;
  /** A checkpoint was not cosigned as it must be, and is tried again. */
  readonly onRefused: (error: unknown) => void;
  /** A write failed: what is remembered outside the store is not known until the log is opened anew. */
  readonly onFailure: (error: unknown) => void;
};

type Waiter = {
  readonly treeSize: number;
  resolve(checkpoint: PublishedCheckpoint): void;
  reject(error: unknown): void;
};

const retryMinMs = 100;
const retryMaxMs = 10_000;
/** Receipts that wait for a checkpoint, at most: who comes later is told to ask again. */
const waitersMax = 16_384;

/**
 * Publishes the newest durable tree: signs it, has it cosigned where that is asked for, makes the note durable outside
 * the store, then shows it. One publication covers however many commits were made meanwhile; a tree that has not grown
 * is not signed again, but for cosignatures that an operator began to ask for.
 */
export class Publisher {
  readonly #parts: PublisherParts;
  readonly #closing = new AbortController();
  #waking = new AbortController();
  #waiters: Waiter[] = [];
  #durable: Checkpoint;
  #published: PublishedCheckpoint;
  #running: Promise<void> | undefined;
  #failure: unknown;
  #refusal: unknown;
  #retryMs = retryMinMs;
  #isOver = false;
  #isUnendorsed: boolean;

  constructor(parts: PublisherParts, durable: Checkpoint) {
    this.#parts = parts;
    this.#published = parts.lastPublished;
    this.#durable = durable;
    this.#isUnendorsed = parts.isUnendorsed ?? false;
  }

  get published(): PublishedCheckpoint {
    return this.#published;
  }

  /** Why the newest tree is not published: what its cosigning was last refused with. Undefined when all is well. */
  get refusal(): unknown {
    return this.#refusal;
  }

  /** The tree has grown and is durable. */
  offer(durable: Checkpoint): void {
    this.#durable = durable;
    this.#start();
  }

  #start(): void {
    if (this.#isDue) this.#running ??= this.#run();
  }

  get #isDue(): boolean {
    const isNew = this.#isUnendorsed || this.#durable.treeSize > this.#published.treeSize;
    return isNew && this.#failure === undefined && !this.#isOver;
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    while (this.#isDue) {
      if (await this.#publish()) {
        this.#retryMs = retryMinMs;
        await this.#rest(this.#parts.intervalMs, false);
      } else {
        await this.#rest(this.#retryMs, true);
        this.#retryMs = Math.min(retryMaxMs, this.#retryMs * 2);
      }
    }
    this.#running = undefined;
    this.#start();
  }

  /** True once it is done; false when it is to be tried again later. */
  async #publish(): Promise<boolean> {
    const { key, endorse, published: file, onPublished, onRefused, onFailure } = this.#parts;
    const checkpoint = this.#durable;
    try {
      const signed = await signCheckpoint(checkpoint, signersOf(key));
      const note = endorse ? await this.#endorsed(endorse, signed, checkpoint) : signed;
      if (note === undefined) {
        onRefused(this.#refusal);
        return false;
      }
      await file.write(note);
      this.#published = { ...checkpoint, note };
      this.#isUnendorsed = false;
      this.#answer();
      onPublished(this.#published);
      return true;
    } catch (error) {
      this.#failure = error;
      this.#rejectAll(unavailable(error));
      onFailure(error);
      return false;
    }
  }

  async #endorsed(endorse: Endorse, signed: string, checkpoint: Checkpoint): Promise<string | undefined> {
    try {
      this.#closing.signal.throwIfAborted();
      const { prove } = this.#parts;
      const note = await endorse(signed, checkpoint, this.#closing.signal, (oldSize) =>
        prove(oldSize, checkpoint.treeSize),
      );
      this.#refusal = undefined;
      return note;
    } catch (error) {
      this.#refusal = error;
      this.#rejectAll(pending(error));
      return undefined;
    }
  }

  /** Nothing is published for a while; who waits for a checkpoint ends that, unless it was refused. */
  async #rest(ms: number, whateverWaits: boolean): Promise<void> {
    if (this.#isOver || ms === 0 || (!whateverWaits && this.#waiters.length > 0)) return;
    this.#waking = new AbortController();
    const signal = whateverWaits ? this.#closing.signal : AbortSignal.any([this.#waking.signal, this.#closing.signal]);
    await this.#parts.sleep(ms, signal).catch(() => undefined);
  }

  #answer(): void {
    const checkpoint = this.#published;
    const waiters = this.#waiters;
    this.#waiters = waiters.filter((waiter) => waiter.treeSize > checkpoint.treeSize);
    for (const waiter of waiters) if (waiter.treeSize <= checkpoint.treeSize) waiter.resolve(checkpoint);
  }

  #rejectAll(error: unknown): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }

  /**
   * A published checkpoint that covers the durable size `treeSize`; waits for it where need be. Throws
   * LEDGER_RECEIPT_PENDING when it is not cosigned yet or too many wait for it, LEDGER_UNAVAILABLE when it could not be made durable.
   */
  async publishedFor(treeSize: number): Promise<PublishedCheckpoint> {
    assert.ok(treeSize <= this.#durable.treeSize, 'only a durable tree is published');
    if (this.#published.treeSize >= treeSize) return this.#published;
    if (this.#failure !== undefined || this.#isOver) throw unavailable(this.#failure);
    if (this.#waiters.length >= waitersMax) throw pending(this.#refusal);
    const { promise, resolve, reject } = Promise.withResolvers<PublishedCheckpoint>();
    this.#waiters.push({ treeSize, resolve, reject });
    this.#waking.abort();
    this.#start();
    return await promise;
  }

  /** Publishes what is durable, unless it must be cosigned, which may take long and is done after the next open. */
  async close(): Promise<void> {
    const last = this.#durable.treeSize;
    const isLeft = this.#failure === undefined && this.#published.treeSize < last;
    if (isLeft && !this.#parts.endorse) await this.publishedFor(last).catch(() => undefined);
    this.#isOver = true;
    this.#closing.abort();
    await this.#running;
    this.#rejectAll(unavailable(undefined));
  }
}

function pending(cause: unknown): Error {
  const detail = 'The entry is durable; its checkpoint is not published yet';
  return ledgerError('LEDGER_RECEIPT_PENDING', detail, { retryAfterSec: 1, cause });
}

function unavailable(cause: unknown): Error {
  const detail = 'The checkpoint could not be published; the log is being reopened';
  return ledgerError('LEDGER_UNAVAILABLE', detail, { retryAfterSec: 1, cause });
}

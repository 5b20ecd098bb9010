import assert from 'node:assert/strict';
import { equalBytes } from '@lucid/common/formats/bytes';
import { type Checkpoint, signCheckpoint } from '@lucid/common/formats/checkpoint';
import { compactRangeRoot } from '@lucid/common/formats/compact-range';
import { leafHash } from '@lucid/common/formats/merkle';
import { sha256 } from '@lucid/common/formats/sha256';
import { parseEntryBundle } from '@lucid/common/formats/tiles';
import { CommitLoop } from '@lucid/common/storage/commit-loop';
import { ledgerError } from '../errors.ts';
import type { LogKey } from './log-key.ts';
import type { LogCommit, LogStore, PublishedStore } from './log-store.ts';
import { consistencyProof } from './proofs.ts';
import type { TileTree } from './tile-tree.ts';

/** A checkpoint that anybody may have: its signed note and what it says. */
export type PublishedCheckpoint = Checkpoint & { readonly note: string };

/** Who asks, and the Idempotency-Key. */
export type AppendKey = { readonly subject: string; readonly text: string };

export type AppendRequest = {
  readonly entries: readonly Uint8Array[];
  /** RFC 6962 leaf hashes of the entries, 32 bytes each, where the caller has them. */
  readonly leafHashes?: readonly Uint8Array[];
  readonly key?: AppendKey;
};

export type PackedAppendRequest = {
  /** The entries as a C2SP bundle of any length: each after its uint16 big-endian size. Validated by the caller. */
  readonly bytes: Uint8Array;
  /** How many entries `bytes` holds. */
  readonly count: number;
  readonly key?: AppendKey;
};

export type Appended = { readonly firstIndex: number; readonly leafHashes: readonly Uint8Array[] };

/** An append that is waited for without a promise. One of the two is called, once, never within the call that began it. */
export interface AppendWaiter {
  /**
   * Durable: the first index and the leaf hashes of the commit; this append's begin at byte `offset` (32 bytes each).
   * `leafHashes` is only valid during the call.
   */
  appended(firstIndex: number, leafHashes: Buffer, offset: number): void;
  refused(error: unknown): void;
}

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

/** Counted work, for metrics and tests. */
export type LogObserver = {
  /** One commit is durable. */
  committed?(entryCount: number, seconds: number): void;
  published?(treeSize: number): void;
  /** The log has stopped: it takes no more entries until it is opened anew. */
  failed?(error: unknown): void;
};

export type LogParts = {
  readonly key: LogKey;
  readonly store: LogStore;
  readonly published: PublishedStore;
  readonly tree: TileTree;
  /** The last published checkpoint, which the store has been held against. */
  readonly lastPublished: PublishedCheckpoint;
  readonly observer?: LogObserver;
  readonly endorse?: Endorse;
};

type Work = {
  readonly entries: readonly Uint8Array[];
  readonly leafHashes: readonly Uint8Array[];
  /** The key it was asked for under, and what was asked for. */
  readonly once?: { readonly key: Uint8Array; readonly fingerprint: Uint8Array };
};

const queueMax = 4096;
const groupMax = 4096;
const groupBytesMax = 4 * 1024 * 1024;
const keyPattern = /^[\x21-\x7e]{1,255}$/;

/**
 * One log, and its only writer. An entry's life: *sequence* and *integrate* (index, tree, tiles and key in one synced
 * batch; then the append is answered), *publish* (sign the durable tree, make the note durable outside the store, then
 * show it). Nothing is signed before it is durable; nothing signed is shown before it is remembered. One failure of
 * either stops the log for good.
 */
export class Log implements AsyncDisposable {
  readonly #parts: LogParts;
  readonly #loop: CommitLoop<Work, number>;
  readonly #inFlight = new Map<string, Uint8Array>();
  #durable: Checkpoint;
  #published: PublishedCheckpoint;
  #publishing: Promise<void> | undefined;
  #failure: unknown;
  readonly #listeners = new Set<(checkpoint: PublishedCheckpoint) => void>();
  readonly #closing = new AbortController();

  constructor(parts: LogParts) {
    this.#parts = parts;
    this.#published = parts.lastPublished;
    this.#durable = this.#checkpointOf(parts.tree);
    this.#loop = new CommitLoop({
      commit: (works) => this.#commit(works),
      queueMax,
      groupMax,
      groupWeightMax: groupBytesMax,
      weigh: (work) => work.entries.reduce((sum, entry) => sum + entry.length + 64, 0),
    });
  }

  /** The last part of its origin, such as `lucid`. */
  get name(): string {
    return this.key.origin.slice(this.key.origin.lastIndexOf('/') + 1);
  }

  /** Calls `listener` with every checkpoint from now on, once it may be shown. Answers how to stop. */
  onPublished(listener: (checkpoint: PublishedCheckpoint) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** What was appended under an Idempotency-Key. Throws IDEMPOTENCY_KEY_INVALID. */
  findKeyed(subject: string, text: string): { firstIndex: number; count: number } | undefined {
    const known = this.store.findKeyed(idempotencyKey(subject, text));
    return known && { firstIndex: known.firstIndex, count: known.count };
  }

  /** The index of the first durable entry with this leaf hash (32 bytes). */
  async findByLeafHash(hash: Uint8Array): Promise<number | undefined> {
    for await (const leafIndex of this.store.findLeafIndexes(hash)) {
      if (leafIndex < this.treeSize && equalBytes(this.tree.readNode(0, leafIndex), hash)) return leafIndex;
    }
    return undefined;
  }

  get key(): LogKey {
    return this.#parts.key;
  }

  get tree(): TileTree {
    return this.#parts.tree;
  }

  get store(): LogStore {
    return this.#parts.store;
  }

  /** How many entries are durable. */
  get treeSize(): number {
    return this.#durable.treeSize;
  }

  get published(): PublishedCheckpoint {
    return this.#published;
  }

  get waitingCount(): number {
    return this.#loop.waitingCount;
  }

  /** Why the log has stopped; undefined while it works. */
  get failure(): unknown {
    return this.#failure ?? this.#loop.failure;
  }

  #checkpointOf(tree: TileTree): Checkpoint {
    const { range } = tree;
    return { origin: this.#parts.key.origin, treeSize: range.treeSize, rootHash: compactRangeRoot(range) };
  }

  /**
   * Appends entries next to one another, all or none; resolves once they are durable. With a key, the same entries
   * again answer the same indexes, for ever. Throws IDEMPOTENCY_KEY_INVALID, IDEMPOTENCY_KEY_REUSED,
   * IDEMPOTENCY_IN_FLIGHT, and what the commit loop refuses with.
   */
  async append({ entries, leafHashes = entries.map(leafHash), key }: AppendRequest): Promise<Appended> {
    const work = { entries, leafHashes };
    const firstIndex = key === undefined ? await this.#loop.submit(work) : await this.#appendOnce(work, key);
    return { firstIndex, leafHashes };
  }

  /** As `append`, of entries that come packed: nothing is made for each of them. */
  async appendPacked({ bytes, count, key }: PackedAppendRequest): Promise<{ firstIndex: number; count: number }> {
    const entries = parseEntryBundle(bytes, count);
    assert.equal(entries.length, count, 'the bundle holds the entries it is said to');
    const { firstIndex } = await this.append({ entries, ...(key ? { key } : {}) });
    return { firstIndex, count };
  }

  /** As `append`, of one entry (0 to 65,535 bytes, free to be reused after the call), without a promise. */
  appendOne(entry: Uint8Array, waiter: AppendWaiter, key?: AppendKey): void {
    this.append({ entries: [Uint8Array.from(entry)], ...(key ? { key } : {}) }).then(
      ({ firstIndex, leafHashes }) => waiter.appended(firstIndex, Buffer.concat(leafHashes), 0),
      (error: unknown) => waiter.refused(error),
    );
  }

  /**
   * What is in flight is looked at first: the store may show a commit a moment before this log has taken it for
   * durable, and until then nothing can be said of it.
   */
  async #appendOnce(work: Work, { subject, text }: NonNullable<AppendRequest['key']>): Promise<number> {
    const key = idempotencyKey(subject, text);
    const fingerprint = sha256(Buffer.concat(work.leafHashes));
    const name = Buffer.from(key).toString('latin1');
    const running = this.#inFlight.get(name);
    if (running) {
      refuseOther(running, fingerprint);
      throw ledgerError('IDEMPOTENCY_IN_FLIGHT', 'The first append with this Idempotency-Key is still in work', {
        retryAfterSec: 1,
      });
    }
    const known = this.#parts.store.findKeyed(key);
    if (known) {
      refuseOther(known.fingerprint, fingerprint);
      return known.firstIndex;
    }
    this.#inFlight.set(name, fingerprint);
    try {
      return await this.#loop.submit({ ...work, once: { key, fingerprint } });
    } finally {
      this.#inFlight.delete(name);
    }
  }

  /** Sequences and integrates a group: one synced batch. Answers the first index of each work. */
  async #commit(works: readonly Work[]): Promise<number[]> {
    const startedAt = performance.now();
    try {
      const { commit, firstIndexes } = this.#integrate(works);
      await this.#parts.store.commit(commit);
      this.#durable = this.#checkpointOf(this.#parts.tree);
      this.#parts.observer?.committed?.(commit.entries.length, (performance.now() - startedAt) / 1000);
      this.#startPublishing();
      return firstIndexes;
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  #integrate(works: readonly Work[]): { commit: LogCommit; firstIndexes: number[] } {
    const { tree } = this.#parts;
    const firstIndex = tree.treeSize;
    const tiles: LogCommit['tiles'][number][] = [];
    const tileRoots: LogCommit['tileRoots'][number][] = [];
    const keyed: LogCommit['keyed'][number][] = [];
    const sink = {
      tile: (level: number, index: number, hashes: Uint8Array) => void tiles.push({ level, index, hashes }),
      tileRoot: (level: number, index: number, hash: Uint8Array) => void tileRoots.push({ level, index, hash }),
    };
    const entries: Uint8Array[] = [];
    const leafHashes: Uint8Array[] = [];
    const firstIndexes = works.map((work) => {
      const first = tree.treeSize;
      for (const entry of work.entries) entries.push(entry);
      for (const hash of work.leafHashes) {
        tree.append(hash, sink);
        leafHashes.push(hash);
      }
      if (work.once) {
        const { key, fingerprint } = work.once;
        keyed.push({ key, append: { fingerprint, firstIndex: first, count: work.entries.length } });
      }
      return first;
    });
    const commit = { firstIndex, entries, leafHashes, tiles, tileRoots, keyed, range: tree.range };
    return { commit, firstIndexes };
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#parts.observer?.failed?.(error);
  }

  #startPublishing(): void {
    this.#publishing ??= this.#publish().finally(() => {
      this.#publishing = undefined;
      if (this.#failure === undefined && this.#published.treeSize < this.#durable.treeSize) this.#startPublishing();
    });
  }

  /** Publishes the durable tree: the newest one, however many commits were made meanwhile. Never rejects. */
  async #publish(): Promise<void> {
    const checkpoint = this.#durable;
    try {
      const signed = await signCheckpoint(checkpoint, [this.#parts.key.signer]);
      const note = (await this.#endorse(signed, checkpoint)) ?? signed;
      await this.#parts.published.write(note);
      const published = (this.#published = { ...checkpoint, note });
      this.#parts.observer?.published?.(checkpoint.treeSize);
      for (const listener of this.#listeners) listener(published);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #endorse(signed: string, checkpoint: Checkpoint): Promise<string | undefined> {
    const { tree, endorse } = this.#parts;
    return endorse?.(signed, checkpoint, this.#closing.signal, (oldSize) =>
      consistencyProof(tree, oldSize, checkpoint.treeSize),
    );
  }

  /** A published checkpoint that covers the durable size `treeSize`; waits for it where need be. */
  async publishedFor(treeSize: number): Promise<PublishedCheckpoint> {
    assert.ok(treeSize <= this.#durable.treeSize, 'only a durable tree is published');
    while (this.#published.treeSize < treeSize) {
      if (this.#failure !== undefined) {
        throw ledgerError('LEDGER_UNAVAILABLE', 'The checkpoint could not be published; the log is being reopened', {
          retryAfterSec: 1,
          cause: this.#failure,
        });
      }
      this.#startPublishing();
      await this.#publishing;
    }
    return this.#published;
  }

  /** Finishes what was taken, publishes it, and closes the stores. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop[Symbol.asyncDispose]();
    this.#closing.abort();
    while (this.#publishing) await this.#publishing;
    await this.#parts.published[Symbol.asyncDispose]();
    await this.#parts.store[Symbol.asyncDispose]();
  }
}

/** Keys are kept as 16 bytes of a digest of subject and key: one subject's keys mean nothing to another. */
function idempotencyKey(subject: string, text: string): Uint8Array {
  if (!keyPattern.test(text)) {
    throw ledgerError('IDEMPOTENCY_KEY_INVALID', 'An Idempotency-Key is 1 to 255 visible ASCII characters');
  }
  return sha256(Buffer.from(`${subject}\0${text}`, 'utf8')).subarray(0, 16);
}

function refuseOther(first: Uint8Array, now: Uint8Array): void {
  if (Buffer.compare(first, now) === 0) return;
  throw ledgerError('IDEMPOTENCY_KEY_REUSED', 'This Idempotency-Key came before with other entries');
}

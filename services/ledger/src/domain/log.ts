import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { equalBytes } from '@lucid/common/formats/bytes';
import type { Checkpoint } from '@lucid/common/formats/checkpoint';
import { HASH_SIZE } from '@lucid/common/formats/merkle';
import { sha256 } from '@lucid/common/formats/sha256';
import { ENTRY_SIZE_MAX } from '@lucid/common/formats/tiles';
import { AppendGroup, type AppendWaiter, isPacked } from './append-group.ts';
import { AppendPipeline, type PipelineLimits } from './append-pipeline.ts';
import { type AppendKey, KeyedAppends } from './keyed-appends.ts';
import type { LeafIndex } from './leaf-index.ts';
import type { LogKey } from './log-key.ts';
import type { LogStore, PublishedStore, TreeState } from './log-store.ts';
import { consistencyProof } from './proofs.ts';
import { type Endorse, type PublishedCheckpoint, Publisher } from './publisher.ts';
import type { TileTree } from './tile-tree.ts';

export type { AppendWaiter } from './append-group.ts';
export type { AppendKey } from './keyed-appends.ts';
export type { Endorse, PublishedCheckpoint } from './publisher.ts';

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

/** Counted work, for metrics and tests. */
export type LogObserver = {
  /** One commit is durable. */
  committed?(entryCount: number, seconds: number): void;
  published?(treeSize: number): void;
  /** A checkpoint was not cosigned as the log's policy asks, and is tried again. */
  unendorsed?(error: unknown): void;
  /** The log has stopped: it takes no more entries until it is opened anew. */
  failed?(error: unknown): void;
};

export type LogParts = {
  readonly key: LogKey;
  readonly store: LogStore;
  readonly published: PublishedStore;
  readonly tree: TileTree;
  readonly leafIndex: LeafIndex;
  /** The last published checkpoint, which the store has been held against. */
  readonly lastPublished: PublishedCheckpoint;
  readonly observer?: LogObserver;
  readonly endorse?: Endorse;
  /** The last published checkpoint lacks cosignatures that `endorse` is there to get. */
  readonly isUnendorsed?: boolean;
  /** The least time between two checkpoints that nobody waits for; 0 unless given. */
  readonly publishIntervalMs?: number;
  readonly limits?: Partial<PipelineLimits>;
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
};

/**
 * One log, and its only writer. An entry's life: *sequence* and *integrate* (index, tree, tiles and key in one synced
 * batch; then the append is answered), *publish* (sign the durable tree, make the note durable outside the store, then
 * show it). Nothing is signed before it is durable; nothing signed is shown before it is remembered. One failure of
 * either stops the log for good.
 */
export class Log implements AsyncDisposable {
  readonly #parts: LogParts;
  readonly #pipeline: AppendPipeline;
  readonly #publisher: Publisher;
  readonly #keyed: KeyedAppends;
  readonly #listeners = new Set<(checkpoint: PublishedCheckpoint) => void>();
  /** Packs and hashes what must be known before it is taken. */
  readonly #scratch = new AppendGroup();
  #durable: Checkpoint;
  /** The tree with the group that is on its way to the disk. */
  #writing: TreeState;
  #failure: unknown;

  constructor(parts: LogParts) {
    this.#parts = parts;
    this.#keyed = new KeyedAppends(parts.store);
    this.#writing = { treeSize: parts.tree.treeSize, rootHash: parts.tree.root() };
    this.#durable = { origin: parts.key.origin, ...this.#writing };
    this.#publisher = this.#createPublisher();
    this.#pipeline = new AppendPipeline({
      integrate: (group) => this.#integrate(group),
      commit: (group) => this.#commit(group),
      committed: (group, tookMs) => this.#committed(group, tookMs),
      failed: (error) => this.#fail(error),
      ...(parts.limits ? { limits: parts.limits } : {}),
    });
    this.#publisher.offer(this.#durable);
  }

  #createPublisher(): Publisher {
    const { key, published, lastPublished, endorse, observer, publishIntervalMs: intervalMs = 0 } = this.#parts;
    const { sleep = delayed } = this.#parts;
    const prove = (oldSize: number, newSize: number) => consistencyProof(this.tree, oldSize, newSize);
    const { isUnendorsed = false } = this.#parts;
    const options = { key, published, lastPublished, endorse, isUnendorsed, prove, intervalMs, sleep };
    return new Publisher(
      {
        ...options,
        onPublished: (checkpoint) => {
          observer?.published?.(checkpoint.treeSize);
          for (const listener of this.#listeners) listener(checkpoint);
        },
        onRefused: (error) => observer?.unendorsed?.(error),
        onFailure: (error) => this.#fail(error),
      },
      this.#durable,
    );
  }

  /** The last part of its origin, such as `lucid`. */
  get name(): string {
    return this.key.origin.slice(this.key.origin.lastIndexOf('/') + 1);
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

  get leafIndex(): LeafIndex {
    return this.#parts.leafIndex;
  }

  /** How many entries are durable. */
  get treeSize(): number {
    return this.#durable.treeSize;
  }

  get published(): PublishedCheckpoint {
    return this.#publisher.published;
  }

  /** Why the newest durable tree is not published: what cosigning it was last refused with. */
  get publishRefusal(): unknown {
    return this.#publisher.refusal;
  }

  /** How many appends wait for a commit. */
  get waitingCount(): number {
    return this.#pipeline.waitingCount;
  }

  /** How many entries wait for a commit. */
  get waitingEntries(): number {
    return this.#pipeline.waitingEntries;
  }

  /** Bytes of the entries that wait for a commit. */
  get waitingBytes(): number {
    return this.#pipeline.waitingBytes;
  }

  /** Why the log has stopped; undefined while it works. */
  get failure(): unknown {
    return this.#failure ?? this.#pipeline.failure;
  }

  /** Calls `listener` with every checkpoint from now on, once it may be shown. Answers how to stop. */
  onPublished(listener: (checkpoint: PublishedCheckpoint) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** What was appended under an Idempotency-Key. Throws IDEMPOTENCY_KEY_INVALID. */
  findKeyed(subject: string, text: string): { firstIndex: number; count: number } | undefined {
    const known = this.#keyed.find({ subject, text });
    return known && { firstIndex: known.firstIndex, count: known.count };
  }

  /** The index of the first durable entry with this leaf hash (32 bytes). */
  async findByLeafHash(hash: Uint8Array): Promise<number | undefined> {
    assert.equal(hash.length, HASH_SIZE, 'a leaf hash has 32 bytes');
    for (const leafIndex of this.leafIndex.find(hash)) {
      if (leafIndex < this.treeSize && equalBytes(this.tree.readNode(0, leafIndex), hash)) return leafIndex;
    }
    return undefined;
  }

  /**
   * Appends entries (at least one, each up to 65,535 bytes) next to one another, all or none; resolves once they are
   * durable. With a key, the same entries again answer the same indexes, for ever. Throws IDEMPOTENCY_KEY_INVALID,
   * IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_FLIGHT, STORE_BUSY, STORE_CLOSED, STORE_FAILED.
   */
  append({ entries, leafHashes, key }: AppendRequest): Promise<Appended> {
    const size = entries.reduce((sum, entry) => sum + requireSize(entry) + 2, 0);
    assert.ok(entries.length > 0, 'an append has an entry');
    return new Promise((resolve, reject) => {
      const waiter = appendedAs(entries.length, resolve, reject);
      this.#append(waiter, entries.length, size, key, (group) => {
        for (const [at, entry] of entries.entries()) {
          const leafHash = leafHashes?.[at];
          if (leafHash) group.addHashed(entry, leafHash);
          else group.addEntry(entry);
        }
      });
    });
  }

  /** As `append`, of entries that come packed: nothing is made for each of them. The bytes are copied. */
  appendPacked({ bytes, count, key }: PackedAppendRequest): Promise<{ firstIndex: number; count: number }> {
    assert.ok(count > 0 && isPacked(bytes, count), 'the bundle holds the entries it is said to');
    return new Promise((resolve, reject) => {
      const waiter = { appended: (firstIndex: number) => resolve({ firstIndex, count }), refused: reject };
      this.#append(waiter, count, bytes.length, key, (group) => group.addPacked(bytes, count));
    });
  }

  /** As `append`, of one entry, without a promise. The bytes are copied: they are free to be reused after the call. */
  appendOne(entry: Uint8Array, waiter: AppendWaiter, key?: AppendKey): void {
    const size = requireSize(entry) + 2;
    if (key) {
      this.#append(waiter, 1, size, key, (group) => group.addEntry(entry));
      return;
    }
    const group = this.#pipeline.begin(waiter, 1, size);
    if (!group) return;
    group.addEntry(entry);
    this.#pipeline.added();
  }

  #append(
    waiter: AppendWaiter,
    count: number,
    size: number,
    key: AppendKey | undefined,
    fill: (group: AppendGroup) => void,
  ): void {
    if (key) {
      this.#appendOnce(waiter, key, fill);
      return;
    }
    const group = this.#pipeline.begin(waiter, count, size);
    if (!group) return;
    fill(group);
    this.#pipeline.added();
  }

  /** Packed and hashed apart first: what came under the key before says whether it is taken. */
  #appendOnce(waiter: AppendWaiter, key: AppendKey, fill: (group: AppendGroup) => void): void {
    const scratch = this.#scratch;
    try {
      fill(scratch);
      const hashes = scratch.hashes.subarray(0, scratch.count * HASH_SIZE);
      const fingerprint = sha256(hashes);
      const known = this.#keyed.begin(key, fingerprint);
      if (known.append) {
        answerLater(waiter, known.append.firstIndex, Buffer.from(hashes));
        return;
      }
      const group = this.#pipeline.begin(this.#keyed.waiter(known.name, waiter), scratch.count, scratch.size);
      if (!group) return;
      group.addGroup(scratch);
      group.keep(known.digest, fingerprint);
      this.#pipeline.added();
    } catch (error) {
      waiter.refused(error);
    } finally {
      scratch.reset(scratchBytesMax);
    }
  }

  /** Sequences and integrates what has come to a group since the last time. */
  #integrate(group: AppendGroup): void {
    const { tree, leafIndex } = this.#parts;
    if (group.firstIndex < 0) group.firstIndex = tree.treeSize;
    const from = group.integratedCount * HASH_SIZE;
    const count = group.count - group.integratedCount;
    if (count === 0) return;
    tree.append(group.hashes, from, count, group.tiles);
    leafIndex.add(group.hashes, from, count, group.runs);
    group.integratedCount = group.count;
  }

  async #commit(group: AppendGroup): Promise<void> {
    const { tree, store } = this.#parts;
    assert.equal(tree.treeSize, group.firstIndex + group.count, 'the tree ends with the group that is written');
    this.#writing = { treeSize: tree.treeSize, rootHash: tree.root() };
    const { firstIndex, packed, tiles, runs } = group;
    await store.commit({ firstIndex, packed, tiles, runs, keyed: group.keyedAppends(), state: this.#writing });
  }

  #committed(group: AppendGroup, tookMs: number): void {
    this.#parts.tree.stored(group.tiles);
    this.#parts.leafIndex.stored(group.runs);
    this.#durable = { origin: this.key.origin, ...this.#writing };
    this.#parts.observer?.committed?.(group.count, tookMs / 1000);
    this.#publisher.offer(this.#durable);
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#parts.observer?.failed?.(error);
  }

  /**
   * A published checkpoint that covers the durable size `treeSize`; waits for it where need be. Throws
   * LEDGER_RECEIPT_PENDING, LEDGER_UNAVAILABLE.
   */
  publishedFor(treeSize: number): Promise<PublishedCheckpoint> {
    return this.#publisher.publishedFor(treeSize);
  }

  /** Finishes what was taken, publishes it, and closes the stores. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pipeline[Symbol.asyncDispose]();
    await this.#publisher.close();
    await this.#parts.published[Symbol.asyncDispose]();
    await this.#parts.store[Symbol.asyncDispose]();
  }
}

const scratchBytesMax = 1024 * 1024;

async function delayed(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal });
}

function requireSize(entry: Uint8Array): number {
  assert.ok(entry.length <= ENTRY_SIZE_MAX, 'an entry has at most 65,535 bytes');
  return entry.length;
}

/** Known before: answered like any other, after the call. */
function answerLater(waiter: AppendWaiter, firstIndex: number, leafHashes: Buffer): void {
  setImmediate(() => waiter.appended(firstIndex, leafHashes, 0));
}

function appendedAs(
  count: number,
  resolve: (appended: Appended) => void,
  reject: (error: unknown) => void,
): AppendWaiter {
  return {
    appended: (firstIndex, hashes, offset) => {
      const own = Buffer.from(hashes.subarray(offset, offset + count * HASH_SIZE));
      const leafHashes = Array.from({ length: count }, (_, at) => own.subarray(at * HASH_SIZE, (at + 1) * HASH_SIZE));
      resolve({ firstIndex, leafHashes });
    },
    refused: reject,
  };
}

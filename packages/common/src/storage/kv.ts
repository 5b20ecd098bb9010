/**
 * The ordered key-value store every embedded store of the platform stands on. Keys and values are bytes; keys are
 * ordered as unsigned bytes.
 *
 * The contract, which every implementation keeps and `test/storage/kv-contract.ts` checks:
 * - Atomic: a batch is applied whole or not at all, also across a crash. Within a batch the last operation on a key
 *   wins.
 * - Durable: when `write(batch, { sync: true })` resolves, the batch survives kill -9 and a power cut. With
 *   `{ sync: false }` it survives kill -9 of the process only.
 * - Ordered: batches become visible in the order `write` was called; a reader never sees half of one.
 * - Fail-stop: the outcome of a rejected write is unknown (it may be there after a reopen). From then on every write
 *   is refused with STORE_FAILED until the store is closed and opened anew; reads go on. `failure` says why.
 * - Snapshot: `range` and `snapshot()` see the store as it was when they were called, whatever is written meanwhile.
 * - Closed: after `close` everything is refused with STORE_CLOSED, a range that runs as well.
 * - Exclusive: one process opens a folder at a time; a second one is refused with STORE_LOCKED.
 */
export interface KeyValueReader {
  /** The value of a key; throws STORE_KEY_NOT_FOUND where there is none. */
  get(key: Uint8Array): Promise<Uint8Array>;
  /** The value of a key, or undefined. */
  find(key: Uint8Array): Promise<Uint8Array | undefined>;
  /** As `find`, on the calling thread: for point reads that are likely in memory. */
  findSync(key: Uint8Array): Uint8Array | undefined;
  /** Entries in key order (descending with `reverse`), from a snapshot taken at the call. */
  range(options?: RangeOptions): AsyncIterableIterator<[key: Uint8Array, value: Uint8Array]>;
}

export interface KeyValueStore extends KeyValueReader, AsyncDisposable {
  /** Why writes are refused, once one has failed. */
  readonly failure: Error | undefined;
  /** Applies a batch atomically, then runs its `afterCommit` callbacks in order. */
  write(batch: Batch, options: WriteOptions): Promise<void>;
  /** A frozen view; dispose it to let go of the space it holds. */
  snapshot(): KeyValueSnapshot;
  /** Waits for running operations and lets go of the folder. Idempotent. */
  close(): Promise<void>;
}

export interface KeyValueSnapshot extends KeyValueReader, AsyncDisposable {}

export type RangeOptions = {
  readonly gt?: Uint8Array;
  readonly gte?: Uint8Array;
  readonly lt?: Uint8Array;
  readonly lte?: Uint8Array;
  readonly reverse?: boolean;
  /** At most this many entries; without it, all. */
  readonly limit?: number;
};

/** `sync: true` waits for the disk. There is no default: the caller says what the answer is worth. */
export type WriteOptions = { readonly sync: boolean };

export type WriteOperation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

/** What is written together. The bytes handed in must not be changed before the write has resolved. */
export interface Batch extends BatchWriter {
  readonly operations: readonly WriteOperation[];
  readonly callbacks: readonly (() => void)[];
}

/** The writing half of a batch, which is what a part that adds to somebody else's batch gets to see. */
export interface BatchWriter {
  put(key: Uint8Array, value: Uint8Array): void;
  del(key: Uint8Array): void;
  /** Runs once the batch is written (and, where it was asked for, synced); never if it fails. Must not throw. */
  afterCommit(callback: () => void): void;
}

/** An empty batch. */
export function createBatch(): Batch {
  const operations: WriteOperation[] = [];
  const callbacks: (() => void)[] = [];
  return {
    operations,
    callbacks,
    put: (key, value) => void operations.push({ type: 'put', key, value }),
    del: (key) => void operations.push({ type: 'del', key }),
    afterCommit: (callback) => void callbacks.push(callback),
  };
}

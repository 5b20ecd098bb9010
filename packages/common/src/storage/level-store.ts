import { type BatchOperation, ClassicLevel, type Iterator } from 'classic-level';
import { AppError } from '../errors.ts';
import type { Batch, KeyValueReader, KeyValueSnapshot, KeyValueStore, RangeOptions, WriteOptions } from './kv.ts';
import { LevelFolder } from './level-folder.ts';

export type LevelStoreOptions = {
  /** How much is gathered in memory before a sorted file is written; 64 MiB suits a writer of many small commits. */
  readonly writeBufferSize?: number;
  /** The cache of blocks that were read. */
  readonly cacheSize?: number;
  /** Snappy; off for hashes and ciphertext, which do not shrink. */
  readonly compression?: boolean;
  /** Lets other worker threads of this process open the folder too; each sees what the others wrote. */
  readonly sharedByThreads?: boolean;
};

type Database = ClassicLevel<Uint8Array, Uint8Array>;
type LevelSnapshot = ReturnType<Database['snapshot']>;
type LevelIterator = Iterator<Database, Uint8Array, Uint8Array>;
type LevelOperation = BatchOperation<Database, Uint8Array, Uint8Array>;

/**
 * Opens (and, the first time, creates, for its owner alone) a LevelDB folder. Throws STORE_LOCKED while another
 * process or another open store of this one has it, STORE_CORRUPT when the files contradict themselves,
 * STORE_OPEN_FAILED otherwise.
 */
export async function openLevelStore(folder: string, options: LevelStoreOptions = {}): Promise<KeyValueStore> {
  try {
    // Before the database exists: constructed, it opens by itself, and would make the folder readable by others.
    const names = await LevelFolder.create(folder, makeDatabase);
    const db: Database = new ClassicLevel(folder, {
      keyEncoding: 'view',
      valueEncoding: 'view',
      writeBufferSize: options.writeBufferSize ?? 4 * 1024 * 1024,
      cacheSize: options.cacheSize ?? 8 * 1024 * 1024,
      compression: options.compression ?? true,
      multithreading: options.sharedByThreads ?? false,
    });
    await db.open();
    try {
      await names.syncOpened();
    } catch (error) {
      await db.close();
      throw error;
    }
    return new LevelStore(db, names);
  } catch (error) {
    throw openError(folder, error);
  }
}

async function makeDatabase(folder: string): Promise<void> {
  const db = new ClassicLevel(folder);
  await db.open();
  await db.close();
}

/** LevelDB wraps the reason: the code is the cause's. */
function openError(folder: string, error: unknown): AppError {
  const causes = [error, error instanceof Error ? error.cause : undefined];
  const has = (code: string): boolean =>
    causes.some((cause) => cause instanceof Error && 'code' in cause && cause.code === code);
  if (has('LEVEL_LOCKED')) {
    return new AppError('STORE_LOCKED', `${folder} is open in another process: stop it first`, { cause: error });
  }
  if (has('LEVEL_CORRUPTION')) {
    return new AppError('STORE_CORRUPT', `${folder} is damaged: restore it from a backup`, { cause: error });
  }
  return new AppError('STORE_OPEN_FAILED', `${folder} cannot be opened`, { status: 503, cause: error });
}

/** Reads through the database, or through a frozen view of it. */
class LevelReader implements KeyValueReader {
  protected readonly db: Database;
  readonly #snapshot: LevelSnapshot | undefined;

  constructor(db: Database, snapshot?: LevelSnapshot) {
    this.db = db;
    this.#snapshot = snapshot;
  }

  async get(key: Uint8Array): Promise<Uint8Array> {
    const value = await this.find(key);
    if (!value) throw new AppError('STORE_KEY_NOT_FOUND', 'The store has no such key', { status: 404 });
    return value;
  }

  async find(key: Uint8Array): Promise<Uint8Array | undefined> {
    try {
      return await (this.#snapshot ? this.db.get(key, { snapshot: this.#snapshot }) : this.db.get(key));
    } catch (error) {
      throw readError(error);
    }
  }

  findSync(key: Uint8Array): Uint8Array | undefined {
    try {
      return this.#snapshot ? this.db.getSync(key, { snapshot: this.#snapshot }) : this.db.getSync(key);
    } catch (error) {
      throw readError(error);
    }
  }

  range(options: RangeOptions = {}): AsyncIterableIterator<[Uint8Array, Uint8Array]> {
    try {
      return iterate(this.db.iterator(this.#snapshot ? { ...options, snapshot: this.#snapshot } : { ...options }));
    } catch (error) {
      throw readError(error);
    }
  }
}

/** A read that meets a store being closed is told so in a code of ours. */
function readError(error: unknown): unknown {
  const isClosed = error instanceof Error && 'code' in error && /^LEVEL_[A-Z]+_NOT_OPEN$/.test(String(error.code));
  return isClosed ? closedError(error) : error;
}

function closedError(cause?: unknown): AppError {
  return new AppError('STORE_CLOSED', 'The store is closed; try again', { status: 503, retryAfterSec: 1, cause });
}

/** The iterator takes its snapshot when it is made, so it is made by the caller, before the first `next`. */
async function* iterate(iterator: LevelIterator): AsyncGenerator<[Uint8Array, Uint8Array], undefined, undefined> {
  try {
    for (;;) {
      const entries = await iterator.nextv(256);
      if (entries.length === 0) return undefined;
      yield* entries;
    }
  } catch (error) {
    throw readError(error);
  } finally {
    await iterator.close();
  }
}

type Waiting = { batch: Batch; sync: boolean; resolve: () => void; reject: (error: unknown) => void };

/**
 * One write is under way at a time: LevelDB's own threads may overtake one another, and then the batch that was called
 * first is seen last. What is called meanwhile becomes the next write, as one batch with one sync.
 */
class LevelStore extends LevelReader implements KeyValueStore {
  readonly #names: LevelFolder;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #failure: AppError | undefined;

  constructor(db: Database, names: LevelFolder) {
    super(db);
    this.#names = names;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  write(batch: Batch, options: WriteOptions): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    if (this.db.status !== 'open') return Promise.reject(closedError());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ batch, sync: options.sync, resolve, reject });
    this.#writing ??= this.#writeAll();
    return promise;
  }

  /** Never rejects. */
  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0);
      try {
        await this.#writeGroup(group);
      } catch (error) {
        this.#stop(error, group);
      }
    }
    this.#writing = undefined;
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    const [first] = group;
    const operations =
      group.length === 1 && first ? first.batch.operations : group.flatMap(({ batch }) => batch.operations);
    // The driver's type asks for a mutable array, which it does not change.
    const sync = group.some((waiting) => waiting.sync);
    await this.db.batch(operations as LevelOperation[], { sync });
    if (sync) await this.#names.syncWritten();
    for (const { batch, resolve, reject } of group) {
      try {
        for (const callback of batch.callbacks) callback();
        resolve();
      } catch (error) {
        reject(error);
      }
    }
  }

  #stop(error: unknown, group: readonly Waiting[]): void {
    const message = 'A write failed, so its outcome is unknown: the store takes no more until it is opened anew';
    this.#failure = new AppError('STORE_FAILED', message, { status: 503, cause: error });
    for (const { reject } of [...group, ...this.#waiting.splice(0)]) reject(this.#failure);
  }

  snapshot(): KeyValueSnapshot {
    const snapshot = this.db.snapshot();
    const reader = new LevelReader(this.db, snapshot);
    return {
      get: (key) => reader.get(key),
      find: (key) => reader.find(key),
      findSync: (key) => reader.findSync(key),
      range: (options) => reader.range(options),
      [Symbol.asyncDispose]: () => snapshot.close(),
    };
  }

  async close(): Promise<void> {
    while (this.#writing) await this.#writing;
    await this.db.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

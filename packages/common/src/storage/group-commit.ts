import { CommitLoop } from './commit-loop.ts';
import { type Batch, type BatchWriter, createBatch, type KeyValueStore } from './kv.ts';

/**
 * A unit of work's view of the store: it reads what is stored and what it and the works before it in the same group
 * have written, so works run as if one after another. Ranges are not part of it; keep heads and counts as keys.
 */
export interface Transaction extends BatchWriter {
  find(key: Uint8Array): Uint8Array | undefined;
}

export type GroupCommitOptions = {
  readonly queueMax?: number;
  readonly groupMax?: number;
};

type Work = { readonly run: (transaction: Transaction) => unknown };
type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

/**
 * Serializable transactions with group commit on a key-value store: the one writer of its keys. `run` calls the work
 * in submission order, gathers all works that wait into one synced batch, and resolves once it is on the disk. A work
 * that throws writes nothing and rejects for its caller alone. This is how uniqueness and counters are kept without
 * find-then-insert races. A failed sync stops everything (STORE_FAILED); too many waiting are refused (STORE_BUSY).
 */
export class GroupCommit implements AsyncDisposable {
  readonly #store: KeyValueStore;
  readonly #loop: CommitLoop<Work, Outcome>;

  constructor(store: KeyValueStore, options: GroupCommitOptions = {}) {
    this.#store = store;
    this.#loop = new CommitLoop({
      commit: (group) => this.#commit(group),
      queueMax: options.queueMax ?? 4096,
      groupMax: options.groupMax ?? 1024,
    });
  }

  get failure(): Error | undefined {
    return this.#loop.failure ?? this.#store.failure;
  }

  get waitingCount(): number {
    return this.#loop.waitingCount;
  }

  get groupCount(): number {
    return this.#loop.groupCount;
  }

  /** Runs `work` in its turn and resolves with its answer once what it wrote is durable. `work` is synchronous. */
  async run<Result>(work: (transaction: Transaction) => Result): Promise<Result> {
    const outcome = await this.#loop.submit({ run: work });
    if (!outcome.ok) throw outcome.error;
    return outcome.value as Result;
  }

  /** Waits until nothing is waiting or running. */
  drain(): Promise<void> {
    return this.#loop.drain();
  }

  async #commit(group: readonly Work[]): Promise<Outcome[]> {
    const batch = createBatch();
    const written = new Map<string, Uint8Array | undefined>();
    const outcomes = group.map((work) => runWork(work, this.#store, written, batch));
    if (batch.operations.length > 0) await this.#store.write(batch, { sync: true });
    else for (const callback of batch.callbacks) callback();
    return outcomes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop[Symbol.asyncDispose]();
  }
}

const keyText = (key: Uint8Array): string => Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');

/** Runs one work over what the group has written so far; what it wrote joins the group only if it did not throw. */
function runWork(
  work: Work,
  store: KeyValueStore,
  written: Map<string, Uint8Array | undefined>,
  group: Batch,
): Outcome {
  const own = createBatch();
  const ownWritten = new Map<string, Uint8Array | undefined>();
  const transaction: Transaction = {
    find: (key) => {
      const text = keyText(key);
      if (ownWritten.has(text)) return ownWritten.get(text);
      return written.has(text) ? written.get(text) : store.findSync(key);
    },
    put: (key, value) => {
      own.put(key, value);
      ownWritten.set(keyText(key), value);
    },
    del: (key) => {
      own.del(key);
      ownWritten.set(keyText(key), undefined);
    },
    afterCommit: own.afterCommit,
  };
  try {
    const value = work.run(transaction);
    joinBatch(group, own);
    for (const [key, bytes] of ownWritten) written.set(key, bytes);
    return { ok: true, value };
  } catch (error) {
    return { ok: false, error };
  }
}

function joinBatch(group: Batch, own: Batch): void {
  for (const operation of own.operations) {
    if (operation.type === 'put') group.put(operation.key, operation.value);
    else group.del(operation.key);
  }
  for (const callback of own.callbacks) group.afterCommit(callback);
}

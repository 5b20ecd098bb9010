/** Keeps acknowledged transactions until a block has them, so that a restart finds the pool as it was. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createBatch, type KeyValueStore } from '@lucid/common/storage/kv';
import { keyOf } from '../domain/bytes.ts';
import { waitingTransactions } from './keys.ts';

type Kept = { readonly hash: Uint8Array; readonly raw: Uint8Array };
/** The last word on a transaction: `raw` is absent where it is to be forgotten. */
type Change = { readonly hash: Uint8Array; readonly raw?: Uint8Array };

/** The journal, in the chain's own store. Its writes share one disk sync between all that come meanwhile. */
export class PoolJournal implements AsyncDisposable {
  readonly #store: KeyValueStore;
  readonly #isSynced: boolean;
  #changes = new Map<string, Change>();
  #next: Promise<void> | undefined;
  #writing: Promise<void> = Promise.resolve();

  /** `isSynced`: `keep` waits for the disk, and a power cut loses nothing either. */
  constructor(store: KeyValueStore, isSynced: boolean) {
    this.#store = store;
    this.#isSynced = isSynced;
  }

  /** Resolves once the transaction would be found after a restart. @throws AppError STORE_FAILED */
  keep({ hash, raw }: Kept): Promise<void> {
    this.#changes.set(keyOf(hash), { hash, raw });
    return this.#schedule();
  }

  /** It is in a durable block, or can never be in one. Soon gone; one that comes back after a crash is refused then. */
  forget(hash: Uint8Array): void {
    this.#changes.set(keyOf(hash), { hash });
    // A store that failed says so to the next who keeps or appends something.
    this.#schedule().catch(() => undefined);
  }

  /** The raw transactions it holds, in no order. */
  async load(): Promise<Uint8Array[]> {
    const raws: Uint8Array[] = [];
    for await (const [, raw] of this.#store.range(waitingTransactions.range())) raws.push(raw);
    return raws;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#next?.catch(() => undefined);
  }

  #schedule(): Promise<void> {
    this.#next ??= this.#write();
    return this.#next;
  }

  async #write(): Promise<void> {
    // A burst of one turn shares a batch, and so does all that comes while the batch before is on its way.
    await nextTurn();
    await this.#writing.catch(() => undefined);
    const changes = this.#changes;
    this.#changes = new Map();
    this.#next = undefined;
    const batch = createBatch();
    let keepsAny = false;
    for (const { hash, raw } of changes.values()) {
      keepsAny ||= raw !== undefined;
      if (raw === undefined) batch.del(waitingTransactions.key(hash));
      else batch.put(waitingTransactions.key(hash), raw);
    }
    this.#writing = this.#store.write(batch, { sync: this.#isSynced && keepsAny });
    await this.#writing;
  }
}

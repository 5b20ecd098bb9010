import type { Batch, KeyValueStore, WriteOptions } from '@lucid/common/storage/kv';

export type Fault = 'failed' | 'failed but persisted';

/** A disk whose write number `failAt` (from 0) is refused, or done and then reported as refused. */
export class FaultyStore implements KeyValueStore {
  readonly #store: KeyValueStore;
  readonly #fault: Fault;
  #writesLeft: number;
  #failure: Error | undefined;

  constructor(store: KeyValueStore, fault: Fault, failAt: number) {
    this.#store = store;
    this.#fault = fault;
    this.#writesLeft = failAt;
  }

  get failure(): Error | undefined {
    return this.#failure ?? this.#store.failure;
  }

  async write(batch: Batch, options: WriteOptions): Promise<void> {
    if (this.#failure) throw this.#failure;
    if (this.#writesLeft-- > 0) return await this.#store.write(batch, options);
    if (this.#fault === 'failed but persisted') await this.#store.write(batch, options);
    this.#failure = new Error('EIO');
    throw this.#failure;
  }

  get: KeyValueStore['get'] = (key) => this.#store.get(key);
  find: KeyValueStore['find'] = (key) => this.#store.find(key);
  findSync: KeyValueStore['findSync'] = (key) => this.#store.findSync(key);
  range: KeyValueStore['range'] = (options) => this.#store.range(options);
  snapshot: KeyValueStore['snapshot'] = () => this.#store.snapshot();
  close: KeyValueStore['close'] = () => this.#store.close();
  [Symbol.asyncDispose] = (): Promise<void> => this.#store.close();
}

import type { Batch, KeyValueStore, WriteOptions } from '@lucid/common/storage/kv';

/** A disk that has written before it says so. */
export class LateStore implements KeyValueStore {
  readonly #store: KeyValueStore;
  readonly #onWritten: () => void;
  readonly #until: Promise<void>;

  constructor(store: KeyValueStore, onWritten: () => void, until: Promise<void>) {
    this.#store = store;
    this.#onWritten = onWritten;
    this.#until = until;
  }

  get failure(): Error | undefined {
    return this.#store.failure;
  }

  async write(batch: Batch, options: WriteOptions): Promise<void> {
    await this.#store.write(batch, options);
    this.#onWritten();
    await this.#until;
  }

  get: KeyValueStore['get'] = (key) => this.#store.get(key);
  find: KeyValueStore['find'] = (key) => this.#store.find(key);
  findSync: KeyValueStore['findSync'] = (key) => this.#store.findSync(key);
  range: KeyValueStore['range'] = (options) => this.#store.range(options);
  snapshot: KeyValueStore['snapshot'] = () => this.#store.snapshot();
  close: KeyValueStore['close'] = () => this.#store.close();
  [Symbol.asyncDispose] = (): Promise<void> => this.#store.close();
}

/** Lets one piece of work run at a time for each key; others wait in order. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>();

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    const { promise: done, resolve } = Promise.withResolvers<void>();
    this.#tails.set(key, done);
    await before;
    try {
      return await work();
    } finally {
      resolve();
      if (this.#tails.get(key) === done) this.#tails.delete(key);
    }
  }
}

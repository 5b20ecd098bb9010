import type { Batch, KeyValueStore, RangeOptions } from '@lucid/common/storage/kv';
import type { PublishedStore } from '../../src/domain/log-store.ts';

/** What becomes of a write: the process goes on, is told of a failure, or ends with the write under way. */
export const writeOutcomes = ['ok', 'failed', 'failed but written', 'ended', 'ended but written'] as const;
export type WriteOutcome = (typeof writeOutcomes)[number];

/**
 * Where both stores of a log are kept between its openings. What a process had open when it ended is of no effect
 * later. `next` is the outcome of the next write to each, after which all is well again.
 */
export class MemoryDisk {
  readonly next: { store: WriteOutcome; published: WriteOutcome } = { store: 'ok', published: 'ok' };
  /** The key-value store's entries, by key as latin1. */
  entries = new Map<string, Uint8Array>();
  note: string | undefined;
  #generation = 0;
  #ended = Promise.withResolvers<'ended'>();

  /** Resolves when a write ends the process that is open now. */
  get ended(): Promise<'ended'> {
    return this.#ended.promise;
  }

  open(): { store: KeyValueStore; published: PublishedStore } {
    this.#generation += 1;
    this.#ended = Promise.withResolvers();
    return { store: new MemoryStore(this, this.#generation), published: new MemoryPublished(this, this.#generation) };
  }

  /** Takes a write of an opening: `apply` has it done. */
  async write(generation: number, which: 'store' | 'published', apply: () => void): Promise<void> {
    const never = new Promise<never>(() => {});
    if (generation !== this.#generation) return await never;
    // As a real disk: not within the call.
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (generation !== this.#generation) return await never;
    const outcome = this.next[which];
    this.next[which] = 'ok';
    if (outcome !== 'failed' && outcome !== 'ended') apply();
    if (outcome === 'ok') return undefined;
    if (outcome === 'failed' || outcome === 'failed but written') throw new Error('EIO');
    this.#ended.resolve('ended');
    return await never;
  }
}

class MemoryStore implements KeyValueStore {
  readonly #disk: MemoryDisk;
  readonly #generation: number;
  failure: Error | undefined;

  constructor(disk: MemoryDisk, generation: number) {
    this.#disk = disk;
    this.#generation = generation;
  }

  async write({ operations, callbacks }: Batch): Promise<void> {
    if (this.failure) throw this.failure;
    try {
      await this.#disk.write(this.#generation, 'store', () => {
        for (const operation of operations) {
          const name = nameOf(operation.key);
          if (operation.type === 'put') this.#disk.entries.set(name, Uint8Array.from(operation.value));
          else this.#disk.entries.delete(name);
        }
      });
    } catch (error) {
      this.failure = new Error('STORE_FAILED', { cause: error });
      throw this.failure;
    }
    for (const callback of callbacks) callback();
  }

  findSync(key: Uint8Array): Uint8Array | undefined {
    return this.#disk.entries.get(nameOf(key));
  }

  find(key: Uint8Array): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.findSync(key));
  }

  get(key: Uint8Array): Promise<Uint8Array> {
    const value = this.findSync(key);
    return value ? Promise.resolve(value) : Promise.reject(new Error('STORE_KEY_NOT_FOUND'));
  }

  async *range({ gt, gte, lt, lte, reverse, limit }: RangeOptions = {}): AsyncGenerator<[Uint8Array, Uint8Array]> {
    const names = [...this.#disk.entries.keys()].toSorted().filter((name) => {
      return (
        (!gt || name > nameOf(gt)) &&
        (!gte || name >= nameOf(gte)) &&
        (!lt || name < nameOf(lt)) &&
        (!lte || name <= nameOf(lte))
      );
    });
    const chosen = (reverse ? names.toReversed() : names).slice(0, limit);
    for (const name of chosen) yield [Buffer.from(name, 'latin1'), this.#disk.entries.get(name) ?? new Uint8Array()];
  }

  snapshot(): never {
    throw new Error('the log takes no snapshots');
  }

  async close(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString('latin1');
}

class MemoryPublished implements PublishedStore {
  readonly #disk: MemoryDisk;
  readonly #generation: number;

  constructor(disk: MemoryDisk, generation: number) {
    this.#disk = disk;
    this.#generation = generation;
  }

  read(): Promise<string | undefined> {
    return Promise.resolve(this.#disk.note);
  }

  write(note: string): Promise<void> {
    return this.#disk.write(this.#generation, 'published', () => {
      this.#disk.note = note;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

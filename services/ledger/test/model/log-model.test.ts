import { createBatch } from '@lucid/common/storage/kv';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KeyedAppend, LogCommit, PublishedStore } from '../../src/domain/log-store.ts';
import { LevelLogStore } from '../../src/store/level-log-store.ts';
import { LogModel, type Step, type Wrap } from './log-model.ts';
import { type WriteOutcome, writeOutcomes } from './memory-disk.ts';

const outcome: fc.Arbitrary<WriteOutcome> = fc.oneof(
  { arbitrary: fc.constant('ok' as const), weight: 3 },
  { arbitrary: fc.constantFrom(...writeOutcomes), weight: 2 },
);

const step: fc.Arbitrary<Step> = fc.record({
  works: fc.array(
    fc.record({
      // A tile is full at 256: now and then one is filled at once.
      count: fc.oneof(
        { arbitrary: fc.integer({ min: 1, max: 5 }), weight: 8 },
        { arbitrary: fc.constant(250), weight: 1 },
      ),
      key: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
    }),
    { maxLength: 4 },
  ),
  commit: outcome,
  publish: outcome,
  witness: fc.boolean(),
});

/** The log over stores made by `wrap` is what the model says, whatever comes. */
function holds(wrap: Wrap): fc.IAsyncProperty<[Step[], boolean]> {
  return fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), fc.boolean(), async (steps, isWitnessed) => {
    const model = new LogModel(wrap, isWitnessed);
    for (const each of steps) await model.step(each);
  });
}

const shipped: Wrap = { store: (store) => new LevelLogStore(store) };

test('the log is a list that only grows, whatever its disk, its witness and its callers do', async () => {
  await fc.assert(holds(shipped), { numRuns: 150 });
});

/** Answers before anything is written; it is, with the next commit, unless the process ended meanwhile. */
class HastyStore extends LevelLogStore {
  #late: LogCommit | undefined;

  override async commit(commit: LogCommit): Promise<void> {
    if (this.#late) await super.commit(this.#late);
    this.#late = commit;
  }
}

/** Does not know a key again. */
class ForgetfulStore extends LevelLogStore {
  override findKeyed(): KeyedAppend | undefined {
    return undefined;
  }
}

/** Says that a checkpoint is remembered, and remembers every other one. */
class CarelessPublished implements PublishedStore {
  readonly #published: PublishedStore;
  #count = 0;

  constructor(published: PublishedStore) {
    this.#published = published;
  }

  read = (): Promise<string | undefined> => this.#published.read();

  async write(note: string): Promise<void> {
    this.#count += 1;
    if (this.#count % 2 === 1) await this.#published.write(note);
  }

  [Symbol.asyncDispose] = (): Promise<void> => Promise.resolve();
}

describe('the model finds', () => {
  test.each<[string, Wrap]>([
    ['a store that answers before it has written', { store: (store) => new HastyStore(store) }],
    ['a store that forgets keys', { store: (store) => new ForgetfulStore(store) }],
    [
      'a store that writes half of a commit that fails',
      {
        store: (store, disk) => {
          const write = store.write.bind(store);
          store.write = async (batch, options) => {
            if (disk.next.store === 'ok') return await write(batch, options);
            disk.next.store = 'failed but written';
            const half = createBatch();
            for (const operation of batch.operations.slice(0, Math.ceil(batch.operations.length / 2))) {
              if (operation.type === 'put') half.put(operation.key, operation.value);
            }
            return await write(half, options);
          };
          return new LevelLogStore(store);
        },
      },
    ],
    [
      'a file that does not remember what was published',
      { ...shipped, published: (published) => new CarelessPublished(published) },
    ],
  ])('%s', async (_name, wrap) => {
    const { failed } = await fc.check(holds(wrap), { numRuns: 250, seed: 7, endOnFailure: true });
    expect(failed).toBe(true);
  });
});

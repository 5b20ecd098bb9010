import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { CommitLoop } from '../../src/storage/commit-loop.ts';
import { GroupCommit, type Transaction } from '../../src/storage/group-commit.ts';
import type { KeyValueStore } from '../../src/storage/kv.ts';
import { openLevelStore } from '../../src/storage/level-store.ts';
import { parseUint64be, uint64be } from '../../src/storage/prefix.ts';

const root = await mkdtemp(join(tmpdir(), 'lucid-commit-'));
afterAll(() => rm(root, { recursive: true }));
const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');

/** A commit whose groups the test lets through one by one. */
function gatedLoop(options: { queueMax?: number; groupMax?: number; groupWeightMax?: number } = {}) {
  const groups: string[][] = [];
  let gate = Promise.withResolvers<void>();
  const loop = new CommitLoop<string, string>({
    queueMax: 8,
    groupMax: 4,
    weigh: (work) => work.length,
    ...options,
    commit: async (group) => {
      groups.push([...group]);
      await gate.promise;
      return group.map((work) => work.toUpperCase());
    },
  });
  const open = (): void => {
    gate.resolve();
  };
  const breakWith = (error: Error): void => {
    gate.reject(error);
    gate = Promise.withResolvers<void>();
  };
  return { loop, groups, open, breakWith };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe('CommitLoop', () => {
  test('what arrives while a group is written forms the next one, answered in order', async () => {
    const { loop, groups, open } = gatedLoop();
    const first = loop.submit('a');
    await turn();
    const rest = ['b', 'c', 'd'].map((work) => loop.submit(work));
    expect(groups).toEqual([['a']]);
    open();
    expect(await Promise.all([first, ...rest])).toEqual(['A', 'B', 'C', 'D']);
    expect(groups).toEqual([['a'], ['b', 'c', 'd']]);
    expect(loop.groupCount).toBe(2);
  });

  test('a group is bounded by count and by weight, but always takes one work', async () => {
    const { loop, groups, open } = gatedLoop({ groupMax: 2, groupWeightMax: 5 });
    open();
    await loop.submitAll(['aaaaaaaaa', 'b', 'c', 'd', 'eeee', 'f']);
    expect(groups).toEqual([['aaaaaaaaa'], ['b', 'c'], ['d', 'eeee'], ['f']]);
  });

  test('the queue is bounded; what is refused was not taken, in whole', async () => {
    const { loop, groups, open } = gatedLoop({ queueMax: 3 });
    const taken = loop.submit('a');
    await turn();
    const waiting = loop.submitAll(['b', 'c']);
    await expect(loop.submitAll(['d', 'e'])).rejects.toMatchObject({
      code: 'STORE_BUSY',
      status: 503,
      retryAfterSec: 1,
    });
    const last = loop.submit('f');
    open();
    await Promise.all([taken, waiting, last]);
    expect(groups.flat()).toEqual(['a', 'b', 'c', 'f']);
  });

  test('a failed commit stops the loop for everybody', async () => {
    const { loop, groups, breakWith } = gatedLoop();
    const works = [loop.submit('a'), (await turn(), loop.submit('b'))];
    const settled = Promise.allSettled(works);
    breakWith(new Error('EIO'));
    for (const result of await settled) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'STORE_FAILED' } });
    }
    await expect(loop.submit('c')).rejects.toMatchObject({ code: 'STORE_FAILED', cause: { message: 'EIO' } });
    expect(groups).toEqual([['a']]);
    expect(loop.failure).toBeInstanceOf(AppError);
  });

  test('disposing finishes what was taken and refuses the rest', async () => {
    const { loop, open } = gatedLoop();
    const work = loop.submit('a');
    open();
    await loop[Symbol.asyncDispose]();
    expect(await work).toBe('A');
    await expect(loop.submit('b')).rejects.toMatchObject({ code: 'STORE_CLOSED' });
  });
});

describe('GroupCommit', () => {
  let store: KeyValueStore;
  let commit: GroupCommit;
  beforeEach(async () => {
    store = await openLevelStore(await mkdtemp(join(root, 'store-')));
    commit = new GroupCommit(store);
  });
  afterEach(async () => {
    await commit[Symbol.asyncDispose]();
    await store.close();
  });

  const count = (transaction: Transaction): number => {
    const found = transaction.find(bytes('count'));
    const next = (found ? parseUint64be(found) : 0) + 1;
    transaction.put(bytes('count'), uint64be(next));
    return next;
  };

  test('works that run together see each other in order, and share few syncs', async () => {
    const numbers = await Promise.all(Array.from({ length: 500 }, () => commit.run(count)));
    expect(numbers).toEqual(Array.from({ length: 500 }, (_, index) => index + 1));
    expect(commit.groupCount).toBeLessThan(10);
  });

  test('a name is taken once, however many ask at the same time', async () => {
    const claim = (owner: string) =>
      commit.run((transaction) => {
        if (transaction.find(bytes('name'))) throw new AppError('NAME_TAKEN', 'The name is taken', { status: 409 });
        transaction.put(bytes('name'), bytes(owner));
        return owner;
      });
    const results = await Promise.allSettled(['a', 'b', 'c'].map(claim));
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(store.findSync(bytes('name'))).toEqual(bytes('a'));
  });

  test('a work that throws writes nothing and hurts nobody else', async () => {
    const callbacks: string[] = [];
    const bad = commit.run((transaction) => {
      transaction.put(bytes('bad'), bytes('1'));
      transaction.del(bytes('count'));
      transaction.afterCommit(() => callbacks.push('bad'));
      throw new AppError('REFUSED', 'No');
    });
    const good = commit.run((transaction) => {
      transaction.afterCommit(() => callbacks.push('good'));
      return count(transaction);
    });
    await expect(bad).rejects.toMatchObject({ code: 'REFUSED' });
    expect(await good).toBe(1);
    expect(store.findSync(bytes('bad'))).toBeUndefined();
    expect(callbacks).toEqual(['good']);
  });

  test('a deletion is seen by the next work of the group', async () => {
    await commit.run(count);
    const [, second] = await Promise.all([
      commit.run((transaction) => transaction.del(bytes('count'))),
      commit.run(count),
    ]);
    expect(second).toBe(1);
  });
});

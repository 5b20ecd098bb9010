import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TestClock } from '../../src/runtime/clock.ts';
import { IdempotencyStore } from '../../src/storage/idempotency.ts';
import { createBatch, type KeyValueStore } from '../../src/storage/kv.ts';
import { openLevelStore } from '../../src/storage/level-store.ts';

const root = await mkdtemp(join(tmpdir(), 'lucid-idempotency-'));
afterAll(() => rm(root, { recursive: true }));
const response = { status: 201, headers: { location: '/things/1' }, body: '{"id":1}' };
const request = { scope: 'ada createThing', key: 'k-1', fingerprint: 'f1' };

describe('IdempotencyStore', () => {
  let store: KeyValueStore;
  let clock: TestClock;
  let keys: IdempotencyStore;
  beforeEach(async () => {
    store = await openLevelStore(await mkdtemp(join(root, 'store-')));
    clock = new TestClock();
    keys = new IdempotencyStore({ store, prefix: 'idem/', now: () => clock.now(), ttlMs: 1000 });
  });
  afterEach(() => store.close());

  async function complete(of = request): Promise<void> {
    const claim = await keys.claim(of);
    if (claim.kind !== 'new') throw new Error('expected a new claim');
    await claim.store(response);
  }

  test('the first answer is given again, also to a process that starts later', async () => {
    await complete();
    expect(await keys.claim(request)).toEqual({ kind: 'replay', response });
    const later = new IdempotencyStore({ store, prefix: 'idem/', now: () => clock.now(), ttlMs: 1000 });
    expect(await later.claim(request)).toEqual({ kind: 'replay', response });
  });

  test('a key means nothing outside its scope', async () => {
    await complete();
    expect(await keys.claim({ ...request, scope: 'bob createThing' })).toMatchObject({ kind: 'new' });
  });

  test('another request under the same key is refused, finished or not', async () => {
    const claim = await keys.claim(request);
    const other = { ...request, fingerprint: 'f2' };
    await expect(keys.claim(other)).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED', status: 422 });
    await expect(keys.claim(request)).rejects.toMatchObject({ code: 'IDEMPOTENCY_IN_FLIGHT', status: 409 });
    if (claim.kind === 'new') await claim.store(response);
    await expect(keys.claim(other)).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED', status: 422 });
  });

  test('of many at once exactly one is carried out', async () => {
    const claims = await Promise.allSettled(Array.from({ length: 10 }, () => keys.claim(request)));
    expect(claims.filter((claim) => claim.status === 'fulfilled')).toHaveLength(1);
  });

  test('a failed request frees its key', async () => {
    const claim = await keys.claim(request);
    if (claim.kind === 'new') claim.release();
    expect(await keys.claim(request)).toMatchObject({ kind: 'new' });
  });

  test('the answer is stored exactly if the work is', async () => {
    const claim = await keys.claim(request);
    const lost = createBatch();
    if (claim.kind === 'new') claim.complete(lost, response);
    if (claim.kind === 'new') claim.release();
    expect(await keys.claim(request)).toMatchObject({ kind: 'new' });
  });

  test('releasing twice does not take the key from whoever claimed it since', async () => {
    const first = await keys.claim(request);
    if (first.kind === 'new') first.release();
    await keys.claim(request);
    if (first.kind === 'new') first.release();
    await expect(keys.claim(request)).rejects.toMatchObject({ code: 'IDEMPOTENCY_IN_FLIGHT' });
  });

  test('an answer that is being stored anew is not removed with the one before it', async () => {
    for (let round = 0; round < 100; round += 1) {
      const of = { ...request, key: `k-${round}` };
      await complete(of);
      clock.advance(1000);
      const claim = await keys.claim(of);
      if (claim.kind !== 'new') throw new Error('expected a new claim');
      await Promise.all([keys.purgeExpired(1000), claim.store(response), keys.purgeExpired(1000)]);
      expect(await keys.claim(of)).toEqual({ kind: 'replay', response });
    }
  });

  test('an answer expires and is removed', async () => {
    await complete();
    clock.advance(1000);
    expect(await keys.claim({ ...request, key: 'k-2' })).toMatchObject({ kind: 'new' });
    const left: unknown[] = [];
    for await (const entry of store.range()) left.push(entry);
    expect(left).toEqual([]);
  });

  test.each(['', 'with space', 'é', 'x'.repeat(256)])('the key %j is refused', async (key) => {
    await expect(keys.claim({ ...request, key })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_INVALID',
      status: 400,
    });
  });
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { TestClock } from '../../src/runtime/clock.ts';
import { createBatch, type KeyValueStore } from '../../src/storage/kv.ts';
import { openLevelStore } from '../../src/storage/level-store.ts';
import { type Outbox, type OutboxMessage, openOutbox } from '../../src/storage/outbox.ts';

const root = await mkdtemp(join(tmpdir(), 'lucid-outbox-'));
afterAll(() => rm(root, { recursive: true }));

describe('Outbox', () => {
  let folder: string;
  let store: KeyValueStore;
  let clock: TestClock;
  let outbox: Outbox<string>;
  const open = (): Promise<Outbox<string>> =>
    openOutbox<string>({ store, prefix: 'out/', clock, random: () => 1, retryMinMs: 100, retryMaxMs: 400 });
  beforeEach(async () => {
    folder = await mkdtemp(join(root, 'store-'));
    store = await openLevelStore(folder);
    clock = new TestClock();
    outbox = await open();
  });
  afterEach(async () => {
    await outbox[Symbol.asyncDispose]();
    await store.close();
  });

  async function append(...payloads: string[]): Promise<string[]> {
    const batch = createBatch();
    const ids = payloads.map((payload) => outbox.append(batch, payload));
    await store.write(batch, { sync: true });
    return ids;
  }

  test('messages arrive in order under the ids they were given', async () => {
    const ids = await append('a', 'b');
    const seen: OutboxMessage<string>[] = [];
    outbox.start(async (message) => void seen.push(message));
    ids.push(...(await append('c')));
    await outbox.idle();
    expect(seen.map((message) => message.payload)).toEqual(['a', 'b', 'c']);
    expect(seen.map((message) => message.id)).toEqual(ids);
    expect(outbox.stats).toMatchObject({ pending: 0, parked: 0, oldestAt: undefined });
  });

  test('a message of a batch that was not written does not exist', async () => {
    const batch = createBatch();
    outbox.append(batch, 'never');
    expect(outbox.stats.pending).toBe(0);
    await append('a');
    const seen: string[] = [];
    outbox.start(async ({ payload }) => void seen.push(payload));
    await outbox.idle();
    expect(seen).toEqual(['a']);
  });

  test('a failure holds the line and is tried again after growing pauses', async () => {
    const [id] = await append('a', 'b');
    const seen: string[] = [];
    let failures = 3;
    outbox.start(async (message) => {
      seen.push(message.payload);
      if (failures-- > 0) throw new Error(`down ${failures}`);
    });
    for (const pauseMs of [100, 200, 400]) {
      await clock.slept();
      expect(outbox.stats).toMatchObject({ pending: 2, lastError: expect.stringMatching(/^down/) });
      const attempts = seen.length;
      clock.advance(pauseMs - 1);
      expect(seen).toHaveLength(attempts);
      clock.advance(1);
    }
    await outbox.idle();
    expect(id).toBeTypeOf('string');
    expect(seen).toEqual(['a', 'a', 'a', 'a', 'b']);
    expect(outbox.stats.lastError).toBeUndefined();
  });

  test('what will never succeed is parked with its reason, and may be put back', async () => {
    const [id] = await append('bad', 'good');
    const seen: string[] = [];
    let refuses = true;
    outbox.start(async ({ payload }) => {
      if (payload === 'bad' && refuses) throw new AppError('TOO_LARGE', 'It is too large', { status: 413 });
      seen.push(payload);
    });
    await outbox.idle();
    expect(seen).toEqual(['good']);
    expect(outbox.stats).toMatchObject({ pending: 0, parked: 1 });
    expect(await outbox.listParked()).toEqual([
      { id, payload: 'bad', reason: 'It is too large', code: 'TOO_LARGE', attempts: 1, parkedAt: clock.now() },
    ]);
    refuses = false;
    expect(await outbox.retryParked('unknown')).toBe(false);
    expect(await outbox.retryParked(id ?? '')).toBe(true);
    await outbox.idle();
    expect(seen).toEqual(['good', 'bad']);
    expect(outbox.stats).toMatchObject({ pending: 0, parked: 0 });
  });

  test('putting the same message back twice at once does it once', async () => {
    const [id = ''] = await append('bad');
    outbox.start(() => Promise.reject(new AppError('TOO_LARGE', 'It is too large', { status: 413 })));
    await outbox.idle();
    expect(await Promise.all([outbox.retryParked(id), outbox.retryParked(id)])).toEqual([true, false]);
    await outbox.idle();
    expect(outbox.stats).toMatchObject({ pending: 0, parked: 1 });
  });

  test('a store that can note nothing does not have a message delivered over and over', async () => {
    await append('a');
    const seen: string[] = [];
    outbox.start(async ({ payload }) => {
      seen.push(payload);
      const broken = createBatch();
      broken.put(Buffer.from('b'), undefined as unknown as Uint8Array);
      await store.write(broken, { sync: true }).catch(() => undefined);
    });
    for (let pause = 0; pause < 3; pause += 1) {
      await clock.slept();
      clock.advance(400);
    }
    await clock.slept();
    expect(seen).toEqual(['a']);
    expect(outbox.stats).toMatchObject({ pending: 1, lastError: expect.stringContaining('outcome is unknown') });
  });

  test('what is pending at the end is delivered first after the next start, under the same id', async () => {
    const ids = await append('a', 'b');
    outbox.start(async () => {
      throw new Error('down');
    });
    await clock.slept();
    await outbox[Symbol.asyncDispose]();
    await store.close();
    store = await openLevelStore(folder);
    outbox = await open();
    expect(outbox.stats).toMatchObject({ pending: 2, oldestAt: clock.now() });
    ids.push(...(await append('c')));
    const seen: string[] = [];
    outbox.start(async ({ id }) => void seen.push(id));
    await outbox.idle();
    expect(seen).toEqual(ids);
  });

  test('closing aborts the delivery that runs and keeps its message', async () => {
    await append('a');
    const started = Promise.withResolvers<void>();
    outbox.start(async (_message, signal) => {
      started.resolve();
      await clock.sleep(60_000, signal);
    });
    await started.promise;
    await outbox[Symbol.asyncDispose]();
    outbox = await open();
    expect(outbox.stats.pending).toBe(1);
  });
});

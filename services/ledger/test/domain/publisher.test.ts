import { parseCheckpoint } from '@lucid/common/formats/checkpoint';
import { emptyRootHash } from '@lucid/common/formats/merkle';
import { TestClock } from '@lucid/common/runtime/clock';
import { describe, expect, test } from 'vitest';
import { createTestLogKey } from '../../../../test/support/ledger.ts';
import { type Endorse, Publisher } from '../../src/domain/publisher.ts';

const key = createTestLogKey();
const checkpointOf = (treeSize: number) => ({
  origin: key.origin,
  treeSize,
  rootHash: new Uint8Array(32).fill(treeSize),
});

/** A publisher whose file counts what is written to it. */
function createDesk(options: { intervalMs?: number; endorse?: Endorse; failAt?: number; isUnendorsed?: boolean } = {}) {
  const clock = new TestClock();
  const written: number[] = [];
  const shown: number[] = [];
  const refusals: unknown[] = [];
  const failures: unknown[] = [];
  const publisher = new Publisher(
    {
      key,
      published: {
        read: async () => undefined,
        write: async (note) => {
          if (written.length === options.failAt) throw new Error('EIO');
          written.push(parseCheckpoint(note).treeSize);
        },
        [Symbol.asyncDispose]: async () => undefined,
      },
      lastPublished: { origin: key.origin, treeSize: 0, rootHash: emptyRootHash(), note: '' },
      endorse: options.endorse,
      isUnendorsed: options.isUnendorsed ?? false,
      intervalMs: options.intervalMs ?? 0,
      prove: () => [],
      sleep: (ms, signal) => clock.sleep(ms, signal),
      onPublished: ({ treeSize }) => void shown.push(treeSize),
      onRefused: (error) => void refusals.push(error),
      onFailure: (error) => void failures.push(error),
    },
    checkpointOf(0),
  );
  return { publisher, clock, written, shown, refusals, failures };
}

describe('Publisher', () => {
  test('a tree that has not grown is not published again', async () => {
    const { publisher, written } = createDesk();
    publisher.offer(checkpointOf(0));
    publisher.offer(checkpointOf(3));
    await publisher.publishedFor(3);
    publisher.offer(checkpointOf(3));
    await publisher.close();
    expect(written).toEqual([3]);
  });

  test('one publication covers the commits made meanwhile', async () => {
    const { publisher, written } = createDesk();
    for (let treeSize = 1; treeSize <= 50; treeSize += 1) publisher.offer(checkpointOf(treeSize));
    expect((await publisher.publishedFor(50)).treeSize).toBe(50);
    expect(written).toEqual([1, 50]);
  });

  test('rests between publications nobody waits for, and not when somebody does', async () => {
    const { publisher, clock, written } = createDesk({ intervalMs: 20 });
    publisher.offer(checkpointOf(1));
    await clock.slept();
    publisher.offer(checkpointOf(2));
    publisher.offer(checkpointOf(3));
    expect(written).toEqual([1]);
    clock.advance(20);
    await clock.slept();
    expect(publisher.published.treeSize).toBe(3);
    publisher.offer(checkpointOf(4));
    await publisher.publishedFor(4);
    expect(written).toEqual([1, 3, 4]);
    await publisher.close();
  });

  test('closing publishes what is left without resting', async () => {
    const { publisher, clock, written } = createDesk({ intervalMs: 20 });
    publisher.offer(checkpointOf(1));
    await clock.slept();
    publisher.offer(checkpointOf(2));
    await publisher.close();
    expect(written).toEqual([1, 2]);
  });

  test('publishes only what is endorsed; a refusal is tried again with the newest tree', async () => {
    let refused = 2;
    const asked: number[] = [];
    const endorse: Endorse = async (note, { treeSize }) => {
      asked.push(treeSize);
      if (refused-- > 0) throw new Error('the witness is away');
      return note;
    };
    const { publisher, clock, written, refusals } = createDesk({ endorse });
    publisher.offer(checkpointOf(1));
    await expect(publisher.publishedFor(1)).rejects.toMatchObject({ code: 'LEDGER_RECEIPT_PENDING', status: 503 });
    expect(publisher.refusal).toMatchObject({ message: 'the witness is away' });
    publisher.offer(checkpointOf(2));
    for (const pauseMs of [100, 200]) {
      await clock.slept();
      expect(written).toEqual([]);
      clock.advance(pauseMs);
    }
    expect((await publisher.publishedFor(2)).treeSize).toBe(2);
    expect(asked).toEqual([1, 2, 2]);
    expect(refusals).toHaveLength(2);
    expect(publisher.refusal).toBe(undefined);
    await publisher.close();
  });

  test('a tree that was published without the cosignatures asked for now is published again with them, once', async () => {
    let refused = 1;
    const endorse: Endorse = async (note) => {
      if (refused-- > 0) throw new Error('the witness is away');
      return `${note}\u2014 w AAAAAAA=\n`;
    };
    const { publisher, clock, written, shown } = createDesk({ endorse, isUnendorsed: true });
    publisher.offer(checkpointOf(0));
    await clock.slept();
    expect([written, publisher.published.note]).toEqual([[], '']);
    clock.advance(100);
    publisher.offer(checkpointOf(1));
    expect((await publisher.publishedFor(1)).note).toContain('\u2014 w ');
    publisher.offer(checkpointOf(1));
    await publisher.close();
    expect([written, shown]).toEqual([[1], [1]]);
    const still = createDesk({ endorse, isUnendorsed: true, intervalMs: 20 });
    still.publisher.offer(checkpointOf(0));
    await still.clock.slept();
    await still.publisher.close();
    expect(still.written).toEqual([0]);
  });

  test('holds so many receipts that wait for a witness, and no more', async () => {
    const met = Promise.withResolvers<void>();
    const endorse: Endorse = (note) => met.promise.then(() => note);
    const { publisher } = createDesk({ endorse });
    publisher.offer(checkpointOf(1));
    const waiting = Array.from({ length: 16_384 }, () => publisher.publishedFor(1));
    await expect(publisher.publishedFor(1)).rejects.toMatchObject({ code: 'LEDGER_RECEIPT_PENDING' });
    met.resolve();
    expect(new Set((await Promise.all(waiting)).map(({ treeSize }) => treeSize))).toEqual(new Set([1]));
    await publisher.close();
  });

  test('an endorser that never answers does not hold up closing', async () => {
    const endorse: Endorse = (_note, _checkpoint, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const { publisher, written } = createDesk({ endorse });
    publisher.offer(checkpointOf(1));
    await publisher.close();
    expect(written).toEqual([]);
  });

  test('a file that cannot be written stops it for good', async () => {
    const { publisher, shown, failures } = createDesk({ failAt: 1 });
    publisher.offer(checkpointOf(1));
    await publisher.publishedFor(1);
    publisher.offer(checkpointOf(2));
    await expect(publisher.publishedFor(2)).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE' });
    publisher.offer(checkpointOf(3));
    await expect(publisher.publishedFor(3)).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE' });
    expect(failures).toHaveLength(1);
    expect(shown).toEqual([1]);
  });
});

import { leafHash } from '@lucid/common/formats/merkle';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { AppendGroup, isPacked } from '../../src/domain/append-group.ts';
import { AppendPipeline, type PipelineLimits } from '../../src/domain/append-pipeline.ts';

type Write = { count: number; packed: Buffer; resolve(): void; reject(error: unknown): void };

/** A disk that writes when it is told to. */
class Desk {
  readonly events: string[] = [];
  readonly writes: Write[] = [];
  readonly failures: unknown[] = [];
  /** Whether writes are done as they come. */
  isQuick = false;
  size = 0;
  readonly pipeline: AppendPipeline;

  constructor(limits: Partial<PipelineLimits> = {}) {
    this.pipeline = new AppendPipeline({
      integrate: (group) => {
        if (group.firstIndex < 0) group.firstIndex = this.size;
        this.size += group.count - group.integratedCount;
        group.integratedCount = group.count;
      },
      commit: (group) => {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        this.events.push(`write ${group.workCount}`);
        this.writes.push({ count: group.count, packed: Buffer.from(group.packed), resolve, reject });
        if (this.isQuick) resolve();
        if (this.size !== group.firstIndex + group.count) reject(new Error('the tree is ahead of what is written'));
        return promise;
      },
      committed: (group) => void this.events.push(`committed ${group.workCount}`),
      failed: (error) => void this.failures.push(error),
      limits,
    });
  }

  append(...entries: string[]): Promise<number> {
    return new Promise((resolve, reject) => {
      const size = entries.reduce((sum, entry) => sum + entry.length + 2, 0);
      const group = this.pipeline.begin({ appended: resolve, refused: reject }, entries.length, size);
      if (!group) return;
      for (const entry of entries) group.addEntry(Buffer.from(entry));
      this.pipeline.added();
    });
  }

  /** Resolves once the write number `index` has begun. */
  async written(index: number): Promise<Write> {
    for (;;) {
      const write = this.writes[index];
      if (write) return write;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

describe('AppendPipeline', () => {
  let desk: Desk;
  beforeEach(() => {
    desk = new Desk();
  });

  test('a lone caller has one write for each append', async () => {
    desk.isQuick = true;
    for (let index = 0; index < 5; index += 1) expect(await desk.append(`e${index}`)).toBe(index);
    expect(desk.writes.map(({ count }) => count)).toEqual([1, 1, 1, 1, 1]);
  });

  test('what comes together shares one write, in the order it came', async () => {
    desk.isQuick = true;
    const indexes = await Promise.all(Array.from({ length: 500 }, (_, index) => desk.append(`e${index}`, 'x')));
    expect(indexes).toEqual(Array.from({ length: 500 }, (_, index) => 2 * index));
    expect(desk.writes.map(({ count }) => count)).toEqual([1000]);
    expect(desk.writes[0]?.packed.subarray(0, 7).toString('latin1')).toBe('\0\x02e0\0\x01x');
  });

  test('several groups that are full by then are written one after the other', async () => {
    desk = new Desk({ groupEntriesMax: 2 });
    const all = [desk.append('a')];
    const write = await desk.written(0);
    for (let index = 0; index < 5; index += 1) all.push(desk.append(`e${index}`, 'x'));
    await new Promise<void>((resolve) => setImmediate(resolve));
    desk.isQuick = true;
    write.resolve();
    expect(await Promise.all(all)).toEqual([0, 1, 3, 5, 7, 9]);
    expect(desk.writes.map(({ count }) => count)).toEqual([1, 2, 2, 2, 2, 2]);
  });

  test('what comes while the disk is busy is the next group, and has its place in the tree by then', async () => {
    const first = desk.append('a');
    const write = await desk.written(0);
    const rest = Promise.all(['b', 'c', 'd'].map((entry) => desk.append(entry)));
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect(desk.size).toBe(4);
    expect(desk.pipeline.waitingCount).toBe(3);
    write.resolve();
    expect(await first).toBe(0);
    (await desk.written(1)).resolve();
    expect(await rest).toEqual([1, 2, 3]);
    expect(desk.writes).toHaveLength(2);
  });

  test('a group rests until all that were answered have come again, and for the shortest of timers at most', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      desk.isQuick = true;
      await Promise.all([desk.append('a'), desk.append('b')]);
      const first = desk.append('c');
      await turns(50);
      expect(desk.writes).toHaveLength(1);
      await Promise.all([first, desk.append('d')]);
      expect(desk.writes.map(({ count }) => count)).toEqual([2, 2]);
      const alone = desk.append('e');
      await turns(50);
      expect(desk.writes).toHaveLength(2);
      expect(vi.getTimerCount()).toBe(1);
      vi.advanceTimersByTime(1);
      expect(await alone).toBe(4);
      expect(await desk.append('f')).toBe(5);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  test('a group that rests is written at once when the log closes', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      desk.isQuick = true;
      await Promise.all([desk.append('a'), desk.append('b')]);
      const last = desk.append('c');
      await turns(2);
      await desk.pipeline[Symbol.asyncDispose]();
      expect(await last).toBe(2);
    } finally {
      vi.useRealTimers();
    }
  });

  test('callers that ask again once answered stay in one group', async () => {
    desk.isQuick = true;
    const caller = async (): Promise<void> => {
      for (let round = 0; round < 10; round += 1) await desk.append('again');
    };
    await Promise.all(Array.from({ length: 64 }, caller));
    expect(desk.writes.map(({ count }) => count)).toEqual(Array.from({ length: 10 }, () => 64));
  });

  test('a full group is on its way before the one before it is answered', async () => {
    desk = new Desk({ groupEntriesMax: 2 });
    const appends = ['a', 'b', 'c', 'd', 'e'].map((entry) =>
      desk.append(entry).then(() => desk.events.push(`answered ${entry}`)),
    );
    (await desk.written(0)).resolve();
    (await desk.written(1)).resolve();
    (await desk.written(2)).resolve();
    await Promise.all(appends);
    expect(desk.events.slice(0, 3)).toEqual(['write 2', 'committed 2', 'write 2']);
    expect(desk.events.indexOf('answered a')).toBeGreaterThan(2);
  });

  test.each<[string, Partial<PipelineLimits>]>([
    ['works', { worksMax: 2 }],
    ['entries', { entriesMax: 2 }],
    ['bytes', { bytesMax: 2 * 6 }],
    ['the age of the oldest', { waitMaxMs: -1 }],
  ])('what waits is bounded by %s', async (_what, limits) => {
    desk = new Desk(limits);
    const first = desk.append('0000');
    const write = await desk.written(0);
    const taken = [desk.append('1111')];
    if (!('waitMaxMs' in limits)) taken.push(desk.append('2222'));
    const refused = desk.append('3333');
    await expect(refused).rejects.toMatchObject({ code: 'STORE_BUSY', status: 503, retryAfterSec: 1 });
    write.resolve();
    (await desk.written(1)).resolve();
    expect([await first, ...(await Promise.all(taken))]).toEqual([0, 1, 2].slice(0, taken.length + 1));
    desk.isQuick = true;
    expect(await desk.append('later')).toBe(taken.length + 1);
  });

  test('an append past every limit is taken when nothing waits', async () => {
    desk = new Desk({ entriesMax: 1, bytesMax: 1, groupEntriesMax: 1, groupBytesMax: 1 });
    desk.isQuick = true;
    expect(await desk.append('a', 'b', 'c')).toBe(0);
  });

  test('a commit that fails stops it: what waits and what comes is refused, once', async () => {
    const first = desk.append('a');
    const write = await desk.written(0);
    const second = desk.append('b');
    write.reject(new Error('EIO'));
    for (const append of [first, second, desk.append('c')]) {
      await expect(append).rejects.toMatchObject({ code: 'STORE_FAILED', status: 503 });
    }
    await expect(desk.append('d')).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(desk.failures).toMatchObject([{ message: 'EIO' }]);
    expect(desk.writes).toHaveLength(1);
    expect(desk.pipeline.waitingCount).toBe(0);
  });

  test('closing finishes what was taken and refuses more', async () => {
    desk.isQuick = true;
    const taken = desk.append('a');
    const closed = desk.pipeline[Symbol.asyncDispose]();
    await expect(desk.append('b')).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    await closed;
    expect(await taken).toBe(0);
  });
});

describe('AppendGroup', () => {
  const entries = ['', 'one', 'x'.repeat(300), 'y'.repeat(65_535)].map((text) => Buffer.from(text));
  const packed = Buffer.concat(
    entries.flatMap((entry) => [Buffer.from([entry.length >> 8, entry.length & 255]), entry]),
  );
  const hashes = Buffer.concat(entries.map(leafHash));
  const nobody = { appended: () => undefined, refused: () => undefined };

  test('packs and hashes the same however entries come', () => {
    const single = new AppendGroup();
    single.begin(nobody);
    for (const entry of entries) single.addEntry(entry);
    const bundled = new AppendGroup();
    bundled.addPacked(packed, entries.length);
    const hashed = new AppendGroup();
    for (const entry of entries) hashed.addHashed(entry, leafHash(entry));
    const joined = new AppendGroup();
    joined.addGroup(bundled);
    for (const group of [single, bundled, hashed, joined]) {
      expect(Buffer.compare(group.packed, packed)).toBe(0);
      expect(Buffer.compare(group.hashes.subarray(0, hashes.length), hashes)).toBe(0);
      expect(group.count).toBe(4);
    }
  });

  test('is empty after a reset, and the same as new', () => {
    const group = new AppendGroup();
    group.addPacked(packed, entries.length);
    group.reset(0);
    expect(group).toMatchObject({ count: 0, size: 0, workCount: 0, firstIndex: -1, integratedCount: 0 });
    group.addEntry(Buffer.from('one'));
    expect(group.hashes.subarray(0, 32)).toEqual(Buffer.from(leafHash(Buffer.from('one'))));
  });

  test('knows what is a bundle of so many entries', () => {
    expect(isPacked(packed, 4)).toBe(true);
    expect(isPacked(packed, 3)).toBe(false);
    expect(isPacked(packed.subarray(0, -1), 4)).toBe(false);
    expect(isPacked(Buffer.from([0]), 0)).toBe(false);
    expect(isPacked(new Uint8Array(), 0)).toBe(true);
  });
});

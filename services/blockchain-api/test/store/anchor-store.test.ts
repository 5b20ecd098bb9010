import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@lucid/common/runtime/clock';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SignedRegistration } from '../../src/domain/anchor.ts';
import { type LevelAnchorStore, openAnchorStore } from '../../src/store/anchor-store.ts';
import { newRegistration } from '../anchor-content.ts';

let folder: string;
let anchors: LevelAnchorStore;
let close: () => Promise<void>;

async function open(queueMax = 1000): Promise<void> {
  const store = await openLevelStore(folder);
  anchors = await openAnchorStore({ store, clock: systemClock(), queueMax });
  close = async () => {
    await anchors[Symbol.asyncDispose]();
    await store.close();
  };
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lucid-anchors-'));
  await open();
});
afterEach(async () => {
  await close();
  await rm(folder, { recursive: true, force: true });
});

const signed = (nonce: number): SignedRegistration => ({
  nonce,
  rawTransaction: '0x00',
  transactionHash: `0x${'0'.repeat(64)}`,
});
const placement = { transactionHash: '0x1', blockNumber: 7, blockHash: '0x2' };

describe('create', () => {
  test('a hundred callers at once queue one anchor, and share few syncs', async () => {
    const content = newRegistration();
    const answers = await Promise.all(Array.from({ length: 100 }, () => anchors.create(content)));
    expect(answers.filter(({ isNew }) => isNew)).toHaveLength(1);
    expect(new Set(answers.map(({ record }) => record.sequence))).toEqual(new Set([0]));
    expect(anchors.waitingCount).toBe(1);
    expect(anchors.commitCount).toBeLessThanOrEqual(2);
  });

  test('other content for the session is refused, also in the same group of writes', async () => {
    const content = newRegistration();
    const [first, second] = await Promise.allSettled([
      anchors.create(content),
      anchors.create({ ...content, chunkCount: content.chunkCount + 1 }),
    ]);
    expect(first.status).toBe('fulfilled');
    expect(second).toMatchObject({ reason: { code: 'ANCHOR_CONFLICT', status: 409 } });
  });

  test('a full queue refuses until something leaves it', async () => {
    await close();
    await open(2);
    const content = newRegistration();
    await anchors.create(content);
    await anchors.create(newRegistration());
    await expect(anchors.create(newRegistration())).rejects.toMatchObject({ code: 'ANCHOR_QUEUE_FULL', status: 503 });
    await anchors.settle(new Map([[content.sessionId, { kind: 'confirmed', placement }]]));
    await anchors.create(newRegistration());
  });

  test('a failed anchor is queued again by asking again', async () => {
    const content = newRegistration();
    await anchors.create(content);
    await anchors.settle(new Map([[content.sessionId, { kind: 'failed', reason: 'no role' }]]));
    expect(anchors.find(content.sessionId)).toMatchObject({ status: 'failed', reason: 'no role' });
    const { record, isNew } = await anchors.create(content);
    expect({ isNew, status: record.status, reason: record.reason }).toEqual({ isNew: false, status: 'queued' });
    expect(await anchors.list({ limit: 10 })).toHaveLength(1);
    expect(await anchors.list({ status: 'failed', limit: 10 })).toEqual([]);
  });
});

describe('the life of a record', () => {
  test('statuses follow each other, and the lists with them', async () => {
    const contents = [newRegistration(), newRegistration(), newRegistration()] as const;
    for (const content of contents) await anchors.create(content);
    const [one, two, three] = contents.map(({ sessionId }) => sessionId) as [string, string, string];
    expect((await anchors.listQueued(2)).map(({ sessionId }) => sessionId)).toEqual([one, two]);
    // Nonces need not follow the order of arrival: one that was signed anew comes later.
    await anchors.markSubmitted(
      new Map([
        [one, signed(9)],
        [two, signed(4)],
      ]),
    );
    expect((await anchors.listSubmitted()).map(({ signed }) => signed?.nonce)).toEqual([4, 9]);
    await anchors.settle(
      new Map([
        [one, { kind: 'confirmed', placement }],
        [two, { kind: 'requeued' }],
      ]),
    );
    const record = anchors.find(one);
    expect(record).toMatchObject({ status: 'confirmed', attempts: 1, ...placement });
    expect(record).not.toHaveProperty('signed');
    expect((await anchors.listQueued(9)).map(({ sessionId }) => sessionId)).toEqual([two, three]);
    expect(anchors.waitingCount).toBe(2);
  });

  test('pages go from the newest down, of one status or all', async () => {
    const contents = Array.from({ length: 5 }, newRegistration);
    for (const content of contents) await anchors.create(content);
    const first = await anchors.list({ limit: 2 });
    const rest = await anchors.list({ limit: 9, before: first[1]?.sequence ?? 0 });
    const seen = [...first, ...rest].map(({ sessionId }) => sessionId);
    expect(seen).toEqual(contents.map(({ sessionId }) => sessionId).toReversed());
    const queued = await anchors.list({ status: 'queued', limit: 9, before: 3 });
    expect(queued.map(({ sequence }) => sequence)).toEqual([2, 1, 0]);
  });

  test('all of it is there after closing and opening', async () => {
    const [one, two] = [newRegistration(), newRegistration()];
    await anchors.create(one);
    await anchors.create(two);
    await anchors.markSubmitted(new Map([[one.sessionId, signed(0)]]));
    await anchors.bindChain({ chainId: 1, genesisHash: '0xa' });
    await close();
    await open();
    expect(anchors.waitingCount).toBe(2);
    expect(await anchors.listSubmitted()).toMatchObject([{ ...one, signed: signed(0) }]);
    expect((await anchors.create(newRegistration())).record.sequence).toBe(2);
    expect(await anchors.bindChain({ chainId: 2, genesisHash: '0xb' })).toEqual({ chainId: 1, genesisHash: '0xa' });
  });
});

import { type FileHandle, mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAppError } from '@lucid/common/errors';
import { toHex } from '@lucid/common/formats/bytes';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Journal } from '../src/recorder/journal.ts';
import { planRecording } from '../src/recorder/plan-recording.ts';
import type { OpenedSession, RecordingPlan } from '../src/recorder/recording.ts';
import { DyingDisk } from './dying-disk.ts';
import { nextChunk } from './journal-chunk.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lucid-crash-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** What the recorder was told is done. */
interface Told {
  isStarted: boolean;
  readonly headers: string[];
  readonly dropped: number[];
  session: boolean;
  seal: boolean;
}

const session = { sessionId: '0c8b1f8e-4a52-4d6b-9f3e-2a1b3c4d5e6f' } as OpenedSession;
const seal = { manifest: '{}', recorderSignature: '00' };

async function live(plan: RecordingPlan, told: Told): Promise<void> {
  const journal = await Journal.create(folder, plan);
  told.isStarted = true;
  await journal.keepSession(session);
  told.session = true;
  for (const isDropped of [true, false, true]) {
    const chunk = nextChunk(journal);
    const chunkIndex = await journal.append(chunk);
    told.headers.push(toHex(chunk.header));
    if (isDropped) await journal.drop(chunkIndex);
    if (isDropped) told.dropped.push(chunkIndex);
  }
  await journal.keepSeal(seal);
  told.seal = true;
  await journal[Symbol.asyncDispose]();
}

/** The next recorder: everything told is there, what was not told is there whole or not at all, and it can go on. */
async function check(plan: RecordingPlan, told: Told): Promise<void> {
  // A dead process leaves its lock; this one, which plays it, is alive.
  for (const name of await readdir(folder)) if (name.startsWith('lock_')) await rm(join(folder, name));
  const opened = await Journal.open(folder).catch((error: unknown) => {
    if (told.isStarted || !isAppError(error) || error.code !== 'JOURNAL_NOT_FOUND') throw error;
    return Journal.create(folder, plan);
  });
  {
    await using journal = opened;
    expect(journal.plan).toEqual(plan);
    const headers = journal.headers.map(toHex);
    expect(headers.slice(0, told.headers.length)).toEqual(told.headers);
    expect(headers.length - told.headers.length).toBeLessThan(2);
    const owed = told.headers.keys().filter((index) => !told.dropped.includes(index));
    expect(journal.pending).toEqual(expect.arrayContaining([...owed]));
    for (const index of journal.pending) expect(toHex((await journal.readChunk(index)).header)).toBe(headers[index]);
    if (told.session) expect(journal.session).toEqual(session);
    if (told.seal) expect(journal.seal).toEqual(seal);
    if (journal.seal === undefined) await journal.append(nextChunk(journal));
  }
  await using journal = await Journal.open(folder);
  expect(journal.chunkCount).toBeGreaterThanOrEqual(told.headers.length);
}

describe('a recorder that dies', () => {
  test.each([
    ['between any two of its operations on files', false],
    ['in the middle of any write', true],
  ])('%s loses nothing it was told is safe', async (_, tears) => {
    const plan = await planRecording({ policyHash: '11'.repeat(32), retention: { retainForSec: 0 } });
    await using sample: FileHandle = await open(join(folder, 'sample'), 'w');
    let deaths = 0;
    for (let count = 0; ; count++) {
      const told: Told = { isStarted: false, headers: [], dropped: [], session: false, seal: false };
      let isDead: boolean;
      {
        await using disk = new DyingDisk(count, tears, sample);
        await live(plan, told).catch((error: unknown) => {
          if (!disk.isDead) throw error;
        });
        isDead = disk.isDead;
      }
      if (!isDead) break;
      deaths++;
      await check(plan, told);
      for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true });
    }
    expect(deaths).toBeGreaterThan(40);
  });
});

test('a journal whose disk failed takes nothing more until it is opened again', async () => {
  const plan = await planRecording({ policyHash: '11'.repeat(32), retention: { retainForSec: 0 } });
  await using sample = await open(join(folder, 'sample'), 'w');
  {
    await using journal = await Journal.create(folder, plan);
    await journal.append(nextChunk(journal));
    {
      // The seventh is the record of the chunk's header, after the chunk is written, synced and named.
      await using _disk = new DyingDisk(6, true, sample);
      await expect(journal.append(nextChunk(journal))).rejects.toThrow('dead');
    }
    expect(journal.chunkCount).toBe(1);
    await expect(journal.append(nextChunk(journal))).rejects.toMatchObject({ code: 'JOURNAL_FAILED' });
  }
  await using journal = await Journal.open(folder);
  expect(journal.chunkCount).toBe(2);
  await journal.append(nextChunk(journal));
  expect(journal.chunkCount).toBe(3);
});

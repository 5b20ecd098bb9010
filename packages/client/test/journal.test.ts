import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Journal } from '../src/recorder/journal.ts';
import { planRecording } from '../src/recorder/plan-recording.ts';
import { nextChunk } from './journal-chunk.ts';

const RECORD_SIZE = 193;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lucid-journal-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function startJournal(chunkCount: number): Promise<Journal> {
  const plan = await planRecording({ policyHash: '11'.repeat(32), retention: { retainForSec: 0 } });
  const journal = await Journal.create(folder, plan);
  for (let index = 0; index < chunkCount; index++) await journal.append(nextChunk(journal));
  return journal;
}

describe('journal', () => {
  test('keeps plan, session, headers and what is not acknowledged', async () => {
    const chunks: Uint8Array[] = [];
    {
      await using journal = await startJournal(3);
      for (const index of journal.pending) chunks.push((await journal.readChunk(index)).stored);
      await journal.drop(1);
    }
    await using journal = await Journal.open(folder);
    expect(journal.chunkCount).toBe(3);
    expect(journal.pending).toEqual([0, 2]);
    expect([journal.plainBytes, journal.cipherBytes]).toEqual([300, 150]);
    expect((await journal.readChunk(2)).stored).toEqual(chunks[2]);
    expect(journal.session).toBeUndefined();
    await journal.append(nextChunk(journal));
    expect(journal.chunkCount).toBe(4);
  });

  test('is started once, and not found where none is', async () => {
    await using journal = await startJournal(0);
    await expect(Journal.create(folder, journal.plan)).rejects.toMatchObject({ code: 'JOURNAL_EXISTS' });
    await expect(Journal.open(join(folder, 'chunks'))).rejects.toMatchObject({ code: 'JOURNAL_NOT_FOUND' });
  });

  test('a recorder that died between content and header finds its chunk again', async () => {
    await (await startJournal(3))[Symbol.asyncDispose]();
    const log = join(folder, 'headers.log');
    for (const size of [2 * RECORD_SIZE, 2 * RECORD_SIZE + 1, 3 * RECORD_SIZE - 1]) {
      await truncate(log, size);
      await using journal = await Journal.open(folder);
      expect(journal.chunkCount).toBe(3);
      expect(journal.pending).toEqual([0, 1, 2]);
      expect((await readFile(log)).length).toBe(3 * RECORD_SIZE);
    }
  });

  test('a chunk never renamed never was', async () => {
    await (await startJournal(2))[Symbol.asyncDispose]();
    await writeFile(join(folder, 'chunks', '000002.chunk.part'), 'half');
    await using journal = await Journal.open(folder);
    expect(journal.chunkCount).toBe(2);
    expect(await readdir(join(folder, 'chunks'))).toEqual(['000000.chunk', '000001.chunk']);
  });

  test('what no crash can have done to the headers is refused, and left as it is', async () => {
    {
      await using journal = await startJournal(3);
      for (const index of journal.pending) await journal.drop(index);
    }
    const log = join(folder, 'headers.log');
    const whole = await readFile(log);
    const flipped = Uint8Array.from(whole, (byte, offset) => (offset === RECORD_SIZE + 5 ? byte ^ 1 : byte));
    for (const damaged of [flipped, whole.subarray(0, -1), Buffer.concat([whole, Buffer.alloc(RECORD_SIZE, 1)])]) {
      await writeFile(log, damaged);
      await expect(Journal.open(folder)).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
      expect((await readFile(log)).equals(damaged)).toBe(true);
    }
    await writeFile(log, whole);
    await using journal = await Journal.open(folder);
    expect(journal.chunkCount).toBe(3);
  });

  test('nothing is added once the seal is made', async () => {
    await using journal = await startJournal(1);
    await journal.keepSeal({ manifest: '{}', recorderSignature: '00' });
    await expect(journal.append(nextChunk(journal))).rejects.toMatchObject({ code: 'RECORDING_SEALED' });
  });

  test('a damaged chunk is not sent, and one that follows nothing is not taken', async () => {
    await (await startJournal(2))[Symbol.asyncDispose]();
    const path = join(folder, 'chunks', '000001.chunk');
    const bytes = await readFile(path);
    await writeFile(path, bytes.fill(9, 200, 201));
    {
      await using journal = await Journal.open(folder);
      await expect(journal.readChunk(1)).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
    }
    await truncate(join(folder, 'headers.log'), 0);
    await expect(Journal.open(folder)).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
    await writeFile(join(folder, 'plan.json'), '{');
    await expect(Journal.open(folder)).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
  });
});

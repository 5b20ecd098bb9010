import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createChunkSalt, encodeChunkHeader } from '@lucid/common/formats/chunk';
import { sha256 } from '@lucid/common/formats/sha256';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Journal, type SealedChunk } from '../src/recorder/journal.ts';
import { planRecording } from '../src/recorder/plan-recording.ts';

const SESSION = '0c8b1f8e-4a52-4d6b-9f3e-2a1b3c4d5e6f';
const RECORD_SIZE = 193;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lucid-journal-'));
});
afterEach(() => rm(folder, { recursive: true }));

function nextChunk(journal: Journal): SealedChunk {
  const chunkIndex = journal.chunkCount;
  const stored = new Uint8Array(50).fill(chunkIndex);
  const header = encodeChunkHeader({
    sessionId: SESSION,
    chunkIndex,
    capturedAt: 1,
    plainSize: 100,
    cipherSize: stored.length,
    chunkSalt: createChunkSalt(),
    cipherDigest: sha256(stored),
    previousHash: journal.lastHeaderHash,
  });
  return { header, signature: new Uint8Array(64), stored };
}

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

  test('a torn tail is cut off, and a chunk never renamed never was', async () => {
    {
      await using journal = await startJournal(2);
      await journal.drop(0);
      await journal.drop(1);
    }
    await appendFile(join(folder, 'headers.log'), Buffer.alloc(RECORD_SIZE, 1));
    await writeFile(join(folder, 'chunks', '000002.chunk.part'), 'half');
    await using journal = await Journal.open(folder);
    expect(journal.chunkCount).toBe(2);
    expect(await readdir(join(folder, 'chunks'))).toEqual([]);
    expect((await readFile(join(folder, 'headers.log'))).length).toBe(2 * RECORD_SIZE);
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

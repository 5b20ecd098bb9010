import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Journal } from '@lucid/client/recorder/journal';
import { planRecording } from '@lucid/client/recorder/plan-recording';
import { beforeEach, describe, expect, test } from 'vitest';
import { inspectFile, readFileSource, readUntil } from '../../src/recording/file-source.ts';
import {
  createRecording,
  findRecording,
  getRecording,
  listRecordings,
  nameByTime,
  resolveSessionId,
} from '../../src/recording/recordings.ts';

let folder: string;
let config: { readonly dataFolder: string };
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lucid-recordings-'));
  config = { dataFolder: folder };
});

async function make(name: string, startedAt: number): Promise<void> {
  const recording = await createRecording(config, name, { kind: 'pipe' });
  const plan = await planRecording({ policyHash: '0'.repeat(64), retention: { retainForSec: 0 } });
  await using _journal = await Journal.create(recording.folder, { ...plan, startedAt });
}

describe('recordings on this machine', () => {
  test('are found by name, as the latest, and by their session', async () => {
    expect(await listRecordings(config)).toEqual([]);
    await make('older', 1);
    await make('newer', 2);
    expect((await listRecordings(config)).map(({ name }) => name)).toEqual(['newer', 'older']);
    expect((await findRecording(config, 'latest'))?.name).toBe('newer');
    expect((await getRecording(config, 'older')).source).toEqual({ kind: 'pipe' });
    const sessionId = 'a5c1a0d7-9c1b-4b43-8d33-6c7b1e5f2a10';
    await writeFile(join(folder, 'recordings/older/session.json'), JSON.stringify({ sessionId }));
    expect((await findRecording(config, sessionId))?.name).toBe('older');
    expect(await resolveSessionId(config, 'older')).toBe(sessionId);
    const foreign = 'b5c1a0d7-9c1b-4b43-8d33-6c7b1e5f2a10';
    expect(await resolveSessionId(config, foreign)).toBe(foreign);
    await expect(resolveSessionId(config, 'newer')).rejects.toMatchObject({ code: 'RECORDING_NOT_FOUND' });
    await expect(getRecording(config, 'nothing')).rejects.toMatchObject({ code: 'RECORDING_NOT_FOUND' });
  });

  test('one that was killed before it began is not there', async () => {
    await createRecording(config, 'killed', { kind: 'pipe' });
    expect(await listRecordings(config)).toEqual([]);
  });

  test.each(['', '../x', 'a/b', '.hidden', 'latest', 'x'.repeat(65)])('%j is not a name', async (name) => {
    await expect(createRecording(config, name, { kind: 'pipe' })).rejects.toMatchObject({ code: 'USAGE_INVALID' });
  });

  test('a name is taken once', async () => {
    await make('same', 1);
    await expect(createRecording(config, 'same', { kind: 'pipe' })).rejects.toMatchObject({ code: 'USAGE_INVALID' });
    expect(nameByTime(new Date(0))).toBe('1970-01-01T00-00-00-000');
  });
});

describe('a file as source', () => {
  const read = async (source: Parameters<typeof readFileSource>[0], offset: number) =>
    Buffer.concat(await Array.fromAsync(readFileSource(source, offset))).toString();

  test('goes on where the journal ends', async () => {
    const path = join(folder, 'f');
    await writeFile(path, '0123456789');
    const source = await inspectFile(path);
    expect(await read(source, 0)).toBe('0123456789');
    expect(await read(source, 7)).toBe('789');
    expect(await read(source, 10)).toBe('');
  });

  test('is refused when it is not what it was', async () => {
    const path = join(folder, 'f');
    await writeFile(path, '0123456789');
    const source = await inspectFile(path);
    await writeFile(path, '01234567890');
    await expect(read(source, 0)).rejects.toMatchObject({ code: 'RECORDING_SOURCE_CHANGED' });
    for (const wrong of [folder, join(folder, 'none')]) {
      await expect(inspectFile(wrong)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
    }
  });
});

test('a live stream ends at the signal, with all it gave', async () => {
  const controller = new AbortController();
  const stream = new Readable({ read: () => undefined });
  stream.push('one');
  const pieces: string[] = [];
  for await (const piece of readUntil(stream, controller.signal)) {
    pieces.push(Buffer.from(piece).toString());
    controller.abort();
  }
  expect(pieces).toEqual(['one']);
});

import { cp, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '@lucid/common/formats/bytes';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BackupFolder } from '../../src/log/backup-folder.ts';
import { backupLog } from '../../src/log/backup-log.ts';
import { createFolderSource } from '../../src/log/folder-source.ts';
import { mendBackup } from '../../src/log/mend-backup.ts';
import { verifyLog } from '../../src/log/verify-log.ts';
import { DyingDisk } from '../dying-disk.ts';
import { createStaticLog, type StaticLog, testEntries } from './static-log.ts';

const entries = testEntries(70_000);
const logOf = (count: number) => createStaticLog(entries.slice(0, count));

let root: string;
let path: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'lucid-backup-'));
  path = join(root, 'backup');
});
afterEach(() => rm(root, { recursive: true }));

async function back({ source, policy }: StaticLog, groupFilesMax = 256) {
  await using folder = await BackupFolder.open(path);
  return await backupLog({ source, policy, folder, groupFilesMax });
}

/** What is in the backup, its own files aside. */
async function filesOf(folder: string): Promise<Map<string, Uint8Array>> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const read = paths.map(
    async (file) => [file.slice(folder.length + 1), new Uint8Array(await readFile(file))] as const,
  );
  return new Map((await Promise.all(read)).filter(([name]) => !name.startsWith('.lucid') && !name.startsWith('lock_')));
}

const sorted = (files: Map<string, Uint8Array>) => [...files.keys()].toSorted();

async function flipBit(name: string): Promise<void> {
  const bytes = await readFile(join(path, name));
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 4;
  await writeFile(join(path, name), bytes);
}

describe('a backup', () => {
  test.each([0, 1, 256, 700, 66_000])('of %i entries is the log’s files, byte for byte', async (count) => {
    const log = await logOf(count);
    expect(await back(log)).toMatchObject({ treeSize: count, earlierSize: 0, fileCount: log.files.size - 1 });
    expect(await filesOf(path)).toEqual(log.files);
    expect(await verifyLog({ source: createFolderSource(path), policy: log.policy })).toMatchObject({ ok: true });
  });

  test('grows by what is new, and drops what only the older one needed', async () => {
    for (const [count, resumedAt] of [
      [0, 0],
      [3, 0],
      [700, 0],
      [700, 512],
      [768, 512],
      [66_000, 768],
      [66_001, 65_792],
    ] as const) {
      const log = await logOf(count);
      expect(await back(log)).toMatchObject({ treeSize: count, resumedAt });
      expect(sorted(await filesOf(path))).toEqual(sorted(log.files));
    }
  });

  test('is one process’s at a time', async () => {
    await using _folder = await BackupFolder.open(path);
    await expect(BackupFolder.open(path)).rejects.toMatchObject({ code: 'BACKUP_LOCKED' });
  });

  test('keeps nothing of a log that does not hold', async () => {
    const log = await logOf(700);
    log.files.set('tile/entries/001', utf8('x'));
    await expect(back(log)).rejects.toMatchObject({ code: 'LOG_BUNDLE_MALFORMED' });
    expect((await filesOf(path)).has('checkpoint')).toBe(false);
  });

  test('of a log that somebody was in the place of, for a while, ends as it should', async () => {
    const log = await logOf(66_000);
    const other = await createStaticLog(testEntries(66_000, 'other'));
    other.files.set('checkpoint', log.files.get('checkpoint') as Uint8Array);
    await expect(back({ ...other, policy: log.policy }, 4)).rejects.toMatchObject({ code: 'LOG_ROOT_MISMATCH' });
    expect(await back(log)).toMatchObject({ treeSize: 66_000, resumedAt: 0 });
    expect(await filesOf(path)).toEqual(log.files);
  });

  test('refuses a log that forgot, or changed its past, and stays as it was', async () => {
    const log = await logOf(700);
    await back(log);
    const before = await filesOf(path);
    await expect(back(await logOf(600))).rejects.toMatchObject({ code: 'LOG_TREE_OLDER' });
    for (const count of [700, 701, 2000]) {
      const other = await createStaticLog(testEntries(count, 'other'));
      await expect(back(other)).rejects.toMatchObject({
        code: expect.stringMatching(/LOG_FORKED|BACKUP_FILE_DIFFERS/),
      });
      // What was promised is untouched; what lies beside it is not promised.
      const after = await filesOf(path);
      for (const [name, bytes] of before) expect(after.get(name)).toEqual(bytes);
    }
    await expect(back(await createStaticLog(entries, { seed: 2 }))).rejects.toMatchObject({ code: 'NOTE_UNVERIFIED' });
    expect(await verifyLog({ source: createFolderSource(path), policy: log.policy })).toMatchObject({ ok: true });
  });

  test('does without the file that says how far it is', async () => {
    await back(await logOf(700));
    for (const damage of [() => flipBit('.lucid-progress.json'), () => rm(join(path, '.lucid-progress.json'))]) {
      await damage();
      const log = await logOf(1000);
      expect(await back(log)).toMatchObject({ treeSize: 1000, resumedAt: 0 });
      expect(await filesOf(path)).toEqual(log.files);
    }
  });
});

describe('damage to a backup', () => {
  const damaged = [
    'tile/entries/000',
    'tile/0/001',
    'tile/1/000',
    'tile/entries/257.p/208',
    'tile/0/257.p/208',
    'checkpoint',
  ];

  test.each(damaged)('in %s is found, and mended from another copy', async (name) => {
    const log = await logOf(66_000);
    await back(log);
    await flipBit(name);
    const found = await verifyLog({ source: createFolderSource(path), policy: log.policy });
    expect(found.ok).toBe(false);
    await using folder = await BackupFolder.open(path);
    expect(await mendBackup({ folder, source: log.source, policy: log.policy })).toContain(name);
    expect(await verifyLog({ source: folder.source, policy: log.policy })).toMatchObject({ ok: true });
  });

  test('is not mended by a copy that is no better, and then nothing is written', async () => {
    const log = await logOf(700);
    await back(log);
    await flipBit('tile/0/001');
    await flipBit('tile/entries/001');
    const before = await filesOf(path);
    const other = await createStaticLog(testEntries(700, 'other'));
    await using folder = await BackupFolder.open(path);
    const mending = mendBackup({ folder, source: other.source, policy: log.policy });
    await expect(mending).rejects.toMatchObject({ code: 'BACKUP_NOT_MENDED' });
    expect(await filesOf(path)).toEqual(before);
  });
});

test.each([
  ['between any two of its operations on files', false],
  ['in the middle of any write', true],
])(
  'a backup killed %s leaves the old one whole, and goes on',
  async (_, tears) => {
    const [old, log] = [await logOf(300), await logOf(1300)];
    await back(old);
    const start = join(root, 'start');
    await cp(path, start, { recursive: true });
    await using sample = await open(join(root, 'sample'), 'w');
    let deaths = 0;
    for (let count = 0; ; count++) {
      let isDead: boolean;
      {
        await using disk = new DyingDisk(count, tears, sample);
        await back(log, 4).catch((error: unknown) => {
          if (!disk.isDead) throw error;
        });
        isDead = disk.isDead;
      }
      if (!isDead) break;
      deaths += 1;
      for (const name of await readdir(path)) if (name.startsWith('lock_')) await rm(join(path, name));
      const left = await verifyLog({ source: createFolderSource(path), policy: log.policy });
      expect(left).toMatchObject({ ok: true, problems: [] });
      expect([300, 1300]).toContain(left.treeSize);
      await back(log);
      const files = await filesOf(path);
      for (const [name, bytes] of log.files) expect(files.get(name)).toEqual(bytes);
      await rm(path, { recursive: true });
      await cp(start, path, { recursive: true });
    }
    expect(deaths).toBeGreaterThan(60);
  },
  120_000,
);

import { generateKeyPairSync } from 'node:crypto';
import { cp, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '@lucid/common/formats/bytes';
import { parseCheckpoint } from '@lucid/common/formats/checkpoint';
import { encodeEntryBundle } from '@lucid/common/formats/tiles';
import { createBatch } from '@lucid/common/storage/kv';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DyingDisk } from '../../../../packages/client/test/dying-disk.ts';
import { createTestLogKey } from '../../../../test/support/ledger.ts';
import type { Log } from '../../src/domain/log.ts';
import { type LogKey, openLogKey } from '../../src/domain/log-key.ts';
import { openLog } from '../../src/domain/open-log.ts';
import { checkStore } from '../../src/offline/check-store.ts';
import { type RestoreLogOptions, restoreLog } from '../../src/offline/restore-log.ts';
import { LevelLogStore } from '../../src/store/level-log-store.ts';
import { openPublishedFile } from '../../src/store/published-file.ts';

let root: string;
let dataDir: string;
const key = createTestLogKey();
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'lucid-restore-'));
  dataDir = join(root, 'data');
});
afterEach(() => rm(root, { recursive: true }));

const entryAt = (index: number) => utf8(`entry ${index}`);

/** The log of a data folder, as the service opens it. */
async function start(folder = dataDir, logKey: LogKey = key): Promise<Log> {
  await using stack = new AsyncDisposableStack();
  const store = stack.use(new LevelLogStore(await openLevelStore(join(folder, 'lucid'), { compression: false })));
  const published = stack.use(await openPublishedFile(join(folder, 'published', 'lucid.checkpoint')));
  const log = await openLog({ key: logKey, store, published, adoptStore: false });
  stack.move();
  return log;
}

/** Appends up to a size, and answers the checkpoint of each of these sizes. */
async function grow(folder: string, ...sizes: readonly number[]): Promise<string[]> {
  const notes: string[] = [];
  await using log = await start(folder);
  for (const size of sizes) {
    const entries = Array.from({ length: size - log.treeSize }, (_, at) => entryAt(log.treeSize + at));
    await log.append({ entries });
    notes.push((await log.publishedFor(size)).note);
  }
  return notes;
}

async function* bundlesOf(size: number, width = 256): AsyncGenerator<{ bytes: Uint8Array; count: number }> {
  for (let first = 0; first < size; first += width) {
    const count = Math.min(width, size - first);
    yield { bytes: encodeEntryBundle(Array.from({ length: count }, (_, at) => entryAt(first + at))), count };
  }
}

const folders = () => ({ dataDir, logName: 'lucid' });

function restore(note: string, options: Partial<RestoreLogOptions> = {}) {
  const { treeSize } = parseCheckpoint(note);
  return restoreLog({ folders: folders(), note, bundles: () => bundlesOf(treeSize), ...options });
}

/** Two checkpoints of one log: the backup's, and one that is newer. */
async function twoCheckpoints(): Promise<[string, string]> {
  const notes = await grow(join(root, 'origin'), 700, 1000);
  return notes as [string, string];
}

const publishedFile = (folder: string) => join(folder, 'published', 'lucid.checkpoint');

describe('a restored log', () => {
  test('goes on where the backup ended, and is sound', async () => {
    const [backup] = await twoCheckpoints();
    expect(await restore(backup, { adopt: true })).toEqual({ origin: key.origin, treeSize: 700, resumedAt: 0 });
    expect(await checkStore({ folders: folders() })).toMatchObject({ ok: true, treeSize: 700, publishedSize: 700 });
    await using log = await start();
    expect(log.published.note).toBe(backup);
    await log.append({ entries: [utf8('after')] });
    expect((await log.publishedFor(701)).treeSize).toBe(701);
  });

  test('is found by its hashes as before, also past a whole run of the index', async () => {
    const [note = ''] = await grow(join(root, 'origin'), 66_000);
    await restore(note, { adopt: true });
    expect(await checkStore({ folders: folders() })).toMatchObject({ ok: true, entryCount: 66_000, tileCount: 258 });
  });

  test('of entries that are more than may wait for a ledger’s disk', async () => {
    const large = Buffer.alloc(12_000, 'x');
    const bundle = encodeEntryBundle(Array.from({ length: 256 }, () => large));
    const bundles = async function* () {
      for (let at = 0; at < 14; at += 1) yield { bytes: bundle.slice(), count: 256 };
    };
    await using log = await start(join(root, 'origin'));
    for await (const { bytes, count } of bundles()) await log.appendPacked({ bytes, count });
    const { note } = await log.publishedFor(14 * 256);
    expect(await restore(note, { adopt: true, bundles })).toMatchObject({ treeSize: 14 * 256 });
  });

  test('follows a published checkpoint that is older, which only the operator can say was the last', async () => {
    const origin = join(root, 'origin');
    await grow(origin, 300);
    await cp(join(origin, 'published'), join(dataDir, 'published'), { recursive: true });
    const [backup = ''] = await grow(origin, 700);
    await expect(restore(backup)).rejects.toMatchObject({ code: 'RESTORE_PUBLISHED_OLDER' });
    await restore(backup, { adopt: true });
    await using log = await start();
    expect(log.treeSize).toBe(700);
  });
});

describe('a fork is refused', () => {
  test('where a newer checkpoint was published', async () => {
    const [backup, newest] = await twoCheckpoints();
    await cp(join(root, 'origin', 'published'), join(dataDir, 'published'), { recursive: true });
    await expect(restore(backup)).rejects.toMatchObject({ code: 'RESTORE_BACKUP_OLDER' });
    await expect(restore(backup, { adopt: true })).rejects.toMatchObject({ code: 'RESTORE_BACKUP_OLDER' });
    // And nothing was changed: the newer backup restores.
    await restore(newest);
    await using log = await start();
    expect(log.published.note).toBe(newest);
  });

  test('where nothing says what was published, without the operator’s word', async () => {
    const [backup] = await twoCheckpoints();
    await expect(restore(backup)).rejects.toMatchObject({ code: 'RESTORE_PUBLISHED_MISSING' });
  });

  test('where a ledger was started on the empty folder before', async () => {
    const [backup] = await twoCheckpoints();
    await (await start())[Symbol.asyncDispose]();
    await expect(restore(backup)).rejects.toMatchObject({ code: 'RESTORE_PUBLISHED_OLDER' });
  });

  test('where the backup does not contain what was published, however often it is tried', async () => {
    const [backup] = await twoCheckpoints();
    await using log = await start();
    await log.append({ entries: [utf8('another history')] });
    await log.publishedFor(1);
    await log[Symbol.asyncDispose]();
    await rm(join(dataDir, 'lucid'), { recursive: true });
    const before = await readFile(publishedFile(dataDir));
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await expect(restore(backup, { adopt: true })).rejects.toMatchObject({ code: 'RESTORE_BACKUP_FORKED' });
    }
    expect(await readFile(publishedFile(dataDir))).toEqual(before);
  });

  test('by another restore, or a ledger, at the same time', async () => {
    const [backup, newest] = await twoCheckpoints();
    const refused: unknown[] = [];
    const bundles = async function* () {
      for (const other of [() => restore(newest, { adopt: true }), () => start()]) {
        refused.push(await other().catch((error: unknown) => error));
      }
      yield* bundlesOf(700);
    };
    await restore(backup, { adopt: true, bundles });
    expect(refused).toMatchObject([{ code: 'LEDGER_PUBLISHED_LOCKED' }, { code: 'LEDGER_PUBLISHED_LOCKED' }]);
    await using log = await start();
    expect(log.published.note).toBe(backup);
  });

  test('where a log came into the folder meanwhile, and that stays', async () => {
    const [backup] = await twoCheckpoints();
    const bundles = async function* () {
      yield* bundlesOf(700);
      await cp(join(root, 'origin', 'lucid'), join(dataDir, 'lucid'), { recursive: true });
    };
    await expect(restore(backup, { adopt: true, bundles })).rejects.toMatchObject({ code: 'RESTORE_NOT_EMPTY' });
    await using log = await start();
    expect(log.treeSize).toBe(1000);
  });

  test('where there is a log that has lost its state, or the name of its files', async () => {
    const [backup] = await twoCheckpoints();
    const store = join(dataDir, 'lucid');
    await cp(join(root, 'origin'), dataDir, { recursive: true });
    await rm(join(store, 'CURRENT'));
    const before = (await readdir(store)).toSorted();
    await expect(restore(backup)).rejects.toMatchObject({ code: 'RESTORE_NOT_EMPTY' });
    expect((await checkStore({ folders: folders() })).problems).toMatchObject([{ code: 'FSCK_STORE_CORRUPT' }]);
    expect((await readdir(store)).toSorted()).toEqual(before);
    await cp(join(root, 'origin', 'lucid'), store, { recursive: true });
    {
      await using opened = await openLevelStore(store, { compression: false });
      const batch = createBatch();
      batch.del(Uint8Array.of(0));
      await opened.write(batch, { sync: true });
    }
    await expect(restore(backup)).rejects.toMatchObject({ code: 'RESTORE_NOT_EMPTY' });
  });

  test('where there is a log already', async () => {
    const [backup] = await twoCheckpoints();
    await grow(dataDir, 10);
    await expect(restore(backup)).rejects.toMatchObject({ code: 'RESTORE_NOT_EMPTY' });
  });

  test('where the backup’s entries are others than its checkpoint says', async () => {
    const [backup] = await twoCheckpoints();
    const bundles = () => bundlesOf(699);
    await expect(restore(backup, { adopt: true, bundles })).rejects.toMatchObject({ code: 'RESTORE_BACKUP_FORKED' });
    await expect(start()).rejects.toMatchObject({ code: 'LEDGER_STORE_BEHIND' });
  });
});

describe('a successor', () => {
  test('carries the entries under another name, and leaves what the old one published', async () => {
    const [backup] = await twoCheckpoints();
    await cp(join(root, 'origin', 'published'), join(dataDir, 'published'), { recursive: true });
    const keyPem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const successor = { origin: 'next.test/lucid/lucid', keyPem };
    await restore(backup, { successor });
    await using log = await start(dataDir, openLogKey(successor.origin, keyPem));
    expect(log.published).toMatchObject({ origin: successor.origin, treeSize: 700 });
    expect(parseCheckpoint(backup).rootHash).toEqual(log.published.rootHash);
    const kept = await readFile(`${publishedFile(dataDir)}.predecessor`);
    expect(kept.includes('\n1000\n')).toBe(true);
  });

  test('of a successor leaves what both published', async () => {
    const [backup] = await twoCheckpoints();
    await cp(join(root, 'origin', 'published'), join(dataDir, 'published'), { recursive: true });
    for (const origin of ['next.test/lucid/lucid', 'last.test/lucid/lucid']) {
      const keyPem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      await restore(backup, { successor: { origin, keyPem } });
      await rm(join(dataDir, 'lucid'), { recursive: true });
    }
    const kept = await Promise.all(
      ['', '-2'].map((end) => readFile(`${publishedFile(dataDir)}.predecessor${end}`, 'latin1')),
    );
    expect(kept[0]).toContain(`${key.origin}\n1000\n`);
    expect(kept[1]).toContain('next.test/lucid/lucid\n700\n');
  });

  test('needs a name of its own', async () => {
    const [backup] = await twoCheckpoints();
    const successor = { origin: key.origin, keyPem: '' };
    await expect(restore(backup, { successor })).rejects.toMatchObject({ code: 'RESTORE_SUCCESSOR_INVALID' });
  });
});

test('a restore killed between any two operations on files, or before any bundle, never lets a ledger fork, and goes on', async () => {
  const origin = join(root, 'origin');
  await grow(origin, 300);
  const older = await readFile(publishedFile(origin));
  const [backup = ''] = await grow(origin, 1000);
  await using sample = await open(join(root, 'sample'), 'w');
  let deaths = 0;
  for (const stopAt of [0, 1, 3, 4]) {
    for (let count = 0; ; count += 1) {
      await rm(dataDir, { recursive: true, force: true });
      await mkdir(join(dataDir, 'published'), { recursive: true });
      await writeFile(publishedFile(dataDir), older);
      let isDead: boolean;
      {
        await using disk = new DyingDisk(count, true, sample);
        const bundles = async function* () {
          let at = 0;
          for await (const bundle of bundlesOf(1000)) {
            if (at++ === stopAt) throw new Error('stopped');
            yield bundle;
          }
        };
        await restore(backup, { bundles, adopt: true }).catch((error: unknown) => {
          if (!disk.isDead && !(error instanceof Error && error.message === 'stopped')) throw error;
        });
        isDead = disk.isDead;
      }
      deaths += 1;
      // A ledger that is started on what is there says nothing that contradicts the log: it does not start at all.
      const code = await start().then(
        async (log) => {
          const { treeSize } = log;
          await log[Symbol.asyncDispose]();
          return treeSize;
        },
        (error: { code?: string }) => error.code,
      );
      expect(['LEDGER_STORE_BEHIND', 1000]).toContain(code);
      if (code !== 1000) await restore(backup, { adopt: true });
      {
        await using log = await start();
        expect(log.published.note).toBe(backup);
      }
      if (!isDead) break;
    }
  }
  expect(deaths).toBeGreaterThan(20);
}, 120_000);

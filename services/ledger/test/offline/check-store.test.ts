import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '@lucid/common/formats/bytes';
import { createBatch, type KeyValueStore } from '@lucid/common/storage/kv';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestLogKey } from '../../../../test/support/ledger.ts';
import { openLog } from '../../src/domain/open-log.ts';
import { type CheckStoreOptions, checkStore } from '../../src/offline/check-store.ts';
import { LevelLogStore } from '../../src/store/level-log-store.ts';
import { openPublishedFile } from '../../src/store/published-file.ts';

let dataDir: string;
const key = createTestLogKey();
const published = () => join(dataDir, 'published', 'lucid.checkpoint');
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'lucid-fsck-'));
});
afterEach(() => rm(dataDir, { recursive: true }));

async function build(size: number, name = 'entry'): Promise<void> {
  await using log = await openLog({
    key,
    store: new LevelLogStore(await openLevelStore(join(dataDir, 'lucid'), { compression: false })),
    published: await openPublishedFile(published()),
    adoptStore: false,
  });
  const entries = Array.from({ length: size }, (_, index) => utf8(`${name} ${index}`));
  for (let first = 0; first < size; first += 4096) await log.append({ entries: entries.slice(first, first + 4096) });
  if (size > 0) await log.append({ entries: [utf8('keyed')], key: { subject: 'somebody', text: 'a-key' } });
  await log.publishedFor(log.treeSize);
}

async function check(options: Partial<CheckStoreOptions> = {}) {
  return await checkStore({ folders: { dataDir, logName: 'lucid' }, ...options });
}

async function codes(options: Partial<CheckStoreOptions> = {}) {
  const { ok, problems } = await check(options);
  expect(ok).toBe(problems.length === 0);
  for (const { advice } of problems) expect(advice).not.toBe('');
  return problems.map(({ code }) => code);
}

/** Changes what is stored under the first key from `prefix` on. */
async function tamper(prefix: readonly number[], change: (value: Uint8Array) => Uint8Array | undefined): Promise<void> {
  await using store: KeyValueStore = await openLevelStore(join(dataDir, 'lucid'), { compression: false });
  for await (const [at, value] of store.range({ gte: Uint8Array.from(prefix), limit: 1 })) {
    const batch = createBatch();
    const changed = change(value);
    if (changed) batch.put(at, changed);
    else batch.del(at);
    await store.write(batch, { sync: true });
  }
}

const flip = (at: number) => (bytes: Uint8Array) => bytes.with(at, (bytes[at] as number) ^ 1) as Uint8Array;

test('a sound folder is said to be so, and stays as it was', async () => {
  await build(66_000);
  expect(await check()).toMatchObject({ ok: true, treeSize: 66_001, publishedSize: 66_001, origin: key.origin });
  expect(await codes()).toEqual([]);
});

test('a new, empty log is sound', async () => {
  await build(0);
  expect(await codes()).toEqual([]);
});

const cases: [string, readonly number[], (value: Uint8Array) => Uint8Array | undefined, string][] = [
  ['a bit of an entry', [1], flip(4), 'FSCK_ENTRIES_DAMAGED'],
  ['a bit of an entry’s size', [1], flip(1), 'FSCK_ENTRIES_DAMAGED'],
  ['a record cut short', [1], (value) => value.slice(0, -3), 'FSCK_ENTRIES_DAMAGED'],
  ['a missing record', [1], () => undefined, 'FSCK_ENTRIES_DAMAGED'],
  ['a bit of a tile of leaf hashes', [0x80], flip(8000), 'FSCK_TILE_DAMAGED'],
  ['a bit of the nodes kept with a tile', [0x80], flip(8300), 'FSCK_TILE_DAMAGED'],
  ['a missing tile', [0x80], () => undefined, 'FSCK_TILE_DAMAGED'],
  ['a bit of a tile above', [0x81], flip(9), 'FSCK_TILE_DAMAGED'],
  ['a bit of the leaf index', [3], flip(3), 'FSCK_INDEX_DAMAGED'],
  ['a bit of what is remembered of a key', [2], flip(3), 'FSCK_KEY_DAMAGED'],
  ['a bit of the place that is remembered of a key', [2], flip(39), 'FSCK_KEY_DAMAGED'],
  ['a bit of the count that is remembered of a key', [2], flip(46), 'FSCK_KEY_DAMAGED'],
  ['a cut in what is remembered of a key', [2], (value) => value.slice(1), 'FSCK_KEY_DAMAGED'],
  ['a bit of the state’s root', [0], flip(20), 'FSCK_ROOT_MISMATCH'],
  ['a state of another format', [0], flip(0), 'FSCK_STATE_DAMAGED'],
];
test.each(cases)('%s is found', async (_, prefix, change, code) => {
  await build(66_000);
  await tamper(prefix, change);
  const found = await codes();
  // Each damage is called what it is, and nothing else.
  expect([...new Set(found)]).toEqual([code]);
});

test('an older copy, and another history, are told apart', async () => {
  await build(700);
  const newer = await readFile(published());
  await rm(join(dataDir, 'lucid'), { recursive: true });
  await rm(published());
  await build(300);
  const older = await readFile(published());
  await writeFile(published(), newer);
  expect(await codes()).toEqual(['FSCK_STORE_BEHIND']);
  await rm(join(dataDir, 'lucid'), { recursive: true });
  await rm(published());
  await build(300, 'other');
  await writeFile(published(), older);
  expect(await codes()).toContain('FSCK_STORE_FORKED');
});

test('a published checkpoint that is lost, damaged or another’s is found', async () => {
  await build(300);
  const openNote = () => Promise.reject(new Error('another key'));
  expect(await codes({ openNote })).toEqual(['FSCK_PUBLISHED_UNTRUSTED']);
  const bytes = await readFile(published());
  await writeFile(
    published(),
    bytes.map((byte) => byte ^ 1),
  );
  expect(await codes()).toEqual(['FSCK_PUBLISHED_DAMAGED']);
  await rm(published());
  expect(await codes()).toEqual(['FSCK_PUBLISHED_MISSING']);
  await rm(join(dataDir, 'lucid'), { recursive: true });
  expect(await codes()).toEqual(['FSCK_PUBLISHED_MISSING', 'FSCK_STORE_MISSING']);
});

test('a database that cannot be opened is found', async () => {
  await build(300);
  for (const name of await readdir(join(dataDir, 'lucid'))) {
    if (/^(MANIFEST|CURRENT)/u.test(name)) await writeFile(join(dataDir, 'lucid', name), 'x');
  }
  expect(await codes()).toEqual(['FSCK_STORE_CORRUPT']);
});

test('a folder a ledger runs on is not looked into', async () => {
  await build(300);
  await using _open = await openLevelStore(join(dataDir, 'lucid'));
  await expect(check()).rejects.toMatchObject({ code: 'STORE_LOCKED' });
});

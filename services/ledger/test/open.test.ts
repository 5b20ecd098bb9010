import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signCheckpoint } from '@lucid/common/formats/checkpoint';
import { emptyRootHash, leafHash } from '@lucid/common/formats/merkle';
import { encodeSignatureLine } from '@lucid/common/formats/note';
import { createBatch } from '@lucid/common/storage/kv';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestLogKey, openTestLog } from '../../../test/support/ledger.ts';
import type { Log } from '../src/domain/log.ts';
import { openLogKey } from '../src/domain/log-key.ts';
import { verifyLog } from '../src/domain/verify-log.ts';
import { openPublishedFile } from '../src/store/published-file.ts';

const key = createTestLogKey();

describe('opening a log', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lucid-open-'));
    await withLog((log) => grow(log, 300, 'first'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const open = (options = {}): Promise<Log> => openTestLog(folder, key, options);
  async function withLog(work: (log: Log) => Promise<void>, options = {}): Promise<void> {
    await using log = await open(options);
    await work(log);
  }
  async function grow(log: Log, count: number, text: string): Promise<void> {
    await log.append({ entries: Array.from({ length: count }, (_, index) => Buffer.from(`${text} ${index}`)) });
    await log.publishedFor(log.treeSize);
  }
  const store = (): string => join(folder, 'store');
  const published = (): string => join(folder, 'published');
  const checkpoint = (): string => join(published(), 'lucid.checkpoint');

  test('an older copy of the store is refused', async () => {
    await cp(store(), join(folder, 'backup'), { recursive: true });
    await withLog((log) => grow(log, 1, 'later'));
    await rm(store(), { recursive: true });
    await cp(join(folder, 'backup'), store(), { recursive: true });
    await expect(open()).rejects.toMatchObject({ code: 'LEDGER_STORE_BEHIND' });
    await expect(open({ adoptStore: true })).rejects.toMatchObject({ code: 'LEDGER_STORE_BEHIND' });
  });

  test('an older copy that has grown on its own is refused', async () => {
    await cp(folder, `${folder}-copy`, { recursive: true });
    await withLog((log) => grow(log, 5, 'here'));
    const copy = await openTestLog(`${folder}-copy`, key);
    await grow(copy, 9, 'there');
    await copy[Symbol.asyncDispose]();
    await rm(store(), { recursive: true });
    await cp(join(`${folder}-copy`, 'store'), store(), { recursive: true });
    await rm(`${folder}-copy`, { recursive: true });
    await expect(open()).rejects.toMatchObject({ code: 'LEDGER_STORE_FORKED' });
  });

  test('an older copy of the published checkpoint beside the newest store is not a fork', async () => {
    await cp(published(), join(folder, 'backup'), { recursive: true });
    await withLog((log) => grow(log, 5, 'later'));
    await cp(join(folder, 'backup'), published(), { recursive: true });
    await withLog(async (log) => expect(log.published.treeSize).toBe(305));
  });

  test('a lost checkpoint is refused unless an operator says that it may be', async () => {
    await rm(published(), { recursive: true });
    await expect(open()).rejects.toMatchObject({ code: 'LEDGER_PUBLISHED_MISSING' });
    await withLog(async (log) => expect(log.published.treeSize).toBe(300), { adoptStore: true });
    await withLog(async (log) => expect(log.published.treeSize).toBe(300));
  });

  test('another key or origin is refused', async () => {
    const other = createTestLogKey();
    await expect(openTestLog(folder, other)).rejects.toMatchObject({ code: 'LEDGER_PUBLISHED_INVALID' });
  });

  test('a write of the checkpoint that was cut off leaves the one before; damage to both is told', async () => {
    await withLog((log) => grow(log, 1, 'second slot'));
    await truncate(checkpoint(), 65_536 + 100);
    await withLog(async (log) => expect(log.published.treeSize).toBe(301));
    await writeFile(checkpoint(), Buffer.alloc(8192, 1));
    await expect(open()).rejects.toMatchObject({ code: 'LEDGER_PUBLISHED_DAMAGED' });
  });

  test('a checkpoint of many pages is kept, found again and followed by a short one', async () => {
    const path = join(published(), 'other.checkpoint');
    const signed = (treeSize: number) => signCheckpoint({ origin: 'o', treeSize, rootHash: emptyRootHash() }, []);
    const line = encodeSignatureLine({ name: 'w', keyId: '00000000', signature: new Uint8Array(2428) });
    const long = (await signed(7)) + line.repeat(18);
    const short = (await signed(8)) + line;
    const more = (await signed(8)) + line.repeat(2);
    for (const note of [
      (await signed(6)) + line,
      long,
      short,
      more,
      long.replace('7', '9'),
      short.replace('8', '10'),
    ]) {
      await using file = await openPublishedFile(path);
      await file.read();
      await file.write(note);
      expect(await file.read()).toBe(note);
    }
    await using file = await openPublishedFile(path);
    await expect(file.write((await signed(11)) + line.repeat(21))).rejects.toThrow(RangeError);
    expect(await file.read()).toBe(short.replace('8', '10'));
  });

  test.each([false, true])(
    'a published file whose slots have one page each is read and written on: %s',
    async (turn) => {
      const bytes = await readFile(checkpoint());
      const slots = [bytes.subarray(0, 4096), bytes.subarray(65_536)];
      await writeFile(checkpoint(), Buffer.concat(turn ? slots.toReversed() : slots));
      await withLog(async (log) => expect(log.published.treeSize).toBe(300));
      await withLog((log) => grow(log, 1, 'more'));
      await withLog(async (log) => expect(log.published.treeSize).toBe(301));
    },
  );

  /** Changes one value of the store behind the log's back. */
  async function change(key: Uint8Array, edit: (value: Uint8Array) => void): Promise<void> {
    const db = await openLevelStore(store());
    const value = Uint8Array.from(await db.get(key));
    edit(value);
    const batch = createBatch();
    batch.put(key, value);
    await db.write(batch, { sync: true });
    await db.close();
  }
  const flip =
    (at: number) =>
    (value: Uint8Array): void => {
      value[at] = (value[at] ?? 0) ^ 1;
    };

  test.each([
    ['a tile', Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0, 0, 0), 8192 + 5],
    ['an entry past the last full tile', Uint8Array.of(0x01, 0, 0, 0, 0, 0, 0, 0, 0), -1],
    ['the root it was stored with', Uint8Array.of(0x00), 20],
    ['the size it was stored with', Uint8Array.of(0x00), 8],
  ])('a store that contradicts itself is refused: %s', async (_what, key, at) => {
    await change(key, (value) => flip(at < 0 ? value.length + at : at)(value));
    await expect(open()).rejects.toThrow();
    await change(key, (value) => flip(at < 0 ? value.length + at : at)(value));
    await withLog(async (log) => expect(log.treeSize).toBe(300));
  });

  test('a store of the format before is refused in words', async () => {
    await change(Uint8Array.of(0x00), (value) => value.set([1]));
    await expect(open()).rejects.toMatchObject({
      code: 'LEDGER_STORE_FORMAT',
      message: expect.stringContaining('Back it up from the version that wrote it') as string,
    });
  });

  test('a published file that somebody else writes stops the log', async () => {
    const failures: unknown[] = [];
    await using log = await openTestLog(folder, key, {}, { failed: (error) => void failures.push(error) });
    const bytes = await readFile(checkpoint());
    await writeFile(checkpoint(), Buffer.concat([bytes.subarray(4096), bytes.subarray(0, 4096)]));
    await log.append({ entries: [Buffer.from('durable')] });
    await expect(log.publishedFor(301)).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE' });
    expect(failures).toMatchObject([{ code: 'LEDGER_PUBLISHED_CHANGED' }]);
    expect(log.published.treeSize).toBe(300);
  });

  test('two processes with copies of one store cannot both publish to one file', async () => {
    await withLog(async () => {
      const copy = join(folder, 'copy');
      await expect(openPublishedFile(checkpoint())).rejects.toMatchObject({ code: 'LEDGER_PUBLISHED_LOCKED' });
      await using other = await openPublishedFile(join(copy, 'lucid.checkpoint'));
      expect(await other.read()).toBe(undefined);
    });
  });

  test('verifying finds an entry that was changed, by the tile it is in', async () => {
    await change(Uint8Array.of(0x01, 0, 0, 0, 0, 0, 0, 0, 0), flip(2));
    await withLog(async (log) => {
      const report = await verifyLog(log);
      expect(report.isValid).toBe(false);
      expect(report.problems).toEqual([
        'tile 0/0 is not what its entries make it',
        "the entries do not lead to the checkpoint's root",
      ]);
      expect(Buffer.compare(log.tree.readNode(0, 0), leafHash(Buffer.from('first 0')))).toBe(0);
    });
  });

  test('a second opener of the folder is refused', async () => {
    await withLog(async () => {
      await expect(open()).rejects.toMatchObject({ code: 'STORE_LOCKED' });
    });
  });
});

test.each(['', 'not a key', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----'])(
  'the key %j is refused',
  (pem) => {
    expect(() => openLogKey('a/lucid/lucid', pem)).toThrow(expect.objectContaining({ code: 'LEDGER_KEY_INVALID' }));
  },
);

import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openFolderBlobStore } from '../../src/store/folder-blob-store.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lucid-blobs-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test('a kept blob is read whole and in parts, after a reopen too', async () => {
  const name = { folder: randomUUID(), file: '000000-ab' };
  {
    const blobs = await openFolderBlobStore(folder);
    await using staged = await blobs.stage();
    await staged.write(Buffer.from('hello '));
    await staged.write(Buffer.from('world'));
    await staged.keep(name);
  }
  const blobs = await openFolderBlobStore(folder);
  expect((await buffer(await blobs.read(name))).toString()).toBe('hello world');
  expect((await buffer(await blobs.read(name, { start: 6, end: 8 }))).toString()).toBe('wor');
  expect(await readdir(join(folder, 'incoming'))).toEqual([]);
});

test('what was not kept is gone, at once or at the next open', async () => {
  const blobs = await openFolderBlobStore(folder);
  {
    await using staged = await blobs.stage();
    await staged.write(Buffer.from('refused'));
  }
  expect(await readdir(join(folder, 'incoming'))).toEqual([]);
  const left = await blobs.stage();
  await left.write(Buffer.from('cut off'));
  expect(await readdir(join(folder, 'incoming'))).toHaveLength(1);
  await openFolderBlobStore(folder);
  expect(await readdir(join(folder, 'incoming'))).toEqual([]);
  await left[Symbol.asyncDispose]();
});

test('a sweep removes what nobody names', async () => {
  const blobs = await openFolderBlobStore(folder);
  const session = randomUUID();
  for (const file of ['000000-aa', '000001-bb', '000001-cc']) {
    await using staged = await blobs.stage();
    await staged.keep({ folder: session, file });
  }
  expect(await blobs.sweep(session, async (file) => file !== '000001-bb')).toBe(1);
  expect((await readdir(join(folder, 'blobs', session))).toSorted()).toEqual(['000000-aa', '000001-cc']);
  expect(await blobs.sweep(randomUUID(), async () => true)).toBe(0);
});

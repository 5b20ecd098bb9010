import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LedgerLoad } from '../support/ledger-load.ts';

let folder: string;
let load: LedgerLoad;
const data = (): string => join(load.dataFolder, 'data');

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lucid-ledger-full-'));
  load = await LedgerLoad.create(folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Gives a folder a disk of its own, of so many bytes; false where mounting is not allowed. */
async function mountSmallDisk(path: string, bytes: number): Promise<boolean> {
  await mkdir(path, { recursive: true });
  const mounting = promisify(execFile)('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=700`, 'tmpfs', path]);
  return await mounting.then(
    () => true,
    () => false,
  );
}

test('a full disk: 503 while it is full, and the log recovers by itself when there is space again', async () => {
  await using stack = new AsyncDisposableStack();
  const isMounted = await mountSmallDisk(data(), 24 * 1024 * 1024);
  if (isMounted) stack.defer(async () => void (await promisify(execFile)('umount', ['-l', data()])));
  // Without a disk of its own, each file may only grow so far: the store's log stands for the disk that is full.
  const before = isMounted ? [] : ['prlimit', `--fsize=${900 * 1024}:unlimited`];
  await using child = load.start({}, before);
  const client = load.clientOf(await child.ready);
  await load.append(client, 'first', 4);
  const ballast = join(data(), 'ballast');
  if (isMounted) await fill(ballast);
  const refused = await appendUntilRefused(client);
  expect(refused).toMatchObject({ status: 503 });
  // Meanwhile it may have nothing to say, but nothing that is not so.
  await load.check(client).catch((error: unknown) => expect(error).toMatchObject({ status: 503 }));
  if (isMounted) await truncate(ballast, 0);
  else await promisify(execFile)('prlimit', ['--pid', String(child.pid), '--fsize=unlimited']);
  await untilTaken(client);
  await load.checkAll(client);
});

/** Leaves no room: writes until the disk refuses. */
async function fill(path: string): Promise<void> {
  const block = Buffer.alloc(64 * 1024, 1);
  await expect(
    (async () => {
      for (let count = 0; count < 1000; count += 1) await writeFile(path, block, { flag: 'a' });
    })(),
  ).rejects.toMatchObject({ code: 'ENOSPC' });
}

async function appendUntilRefused(client: ReturnType<LedgerLoad['clientOf']>): Promise<unknown> {
  for (let count = 0; count < 1000; count += 1) {
    try {
      await load.append(client, `fill-${count}`, count, { size: 4000 });
    } catch (error) {
      return error;
    }
  }
  return undefined;
}

async function untilTaken(client: ReturnType<LedgerLoad['clientOf']>): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const isTaken = await load.append(client, 'afterwards', 4).then(
      () => true,
      () => false,
    );
    if (isTaken) return;
    await pause(50);
  }
  throw new Error('the log does not recover');
}

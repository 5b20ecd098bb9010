import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LedgerProcess } from '../../services/ledger/test/support/ledger-process.ts';
import { LedgerLoad } from '../support/ledger-load.ts';

// What an operator may do to a ledger's folders and its process.

let folder: string;
let load: LedgerLoad;
const data = (): string => join(load.dataFolder, 'data');
const store = (): string => join(data(), 'lucid');

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lucid-ledger-copies-'));
  load = await LedgerLoad.create(folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Starts a ledger, has it take entries, and ends it as its supervisor would. */
async function growAndStop(name: string, environment: Readonly<Record<string, string>> = {}): Promise<void> {
  await using child = load.start(environment);
  const client = load.clientOf(await child.ready);
  for (let count = 0; count < 10; count += 1) await load.append(client, `${name}-${count}`, count);
  child.kill('SIGTERM');
  expect(await child.exit).toBe(0);
}

async function expectRefusal(child: LedgerProcess, code: string): Promise<void> {
  await child.ready.catch(() => undefined);
  child.kill('SIGKILL');
  await child.exit;
  expect(child.lines.find(({ level }) => level === 'fatal')?.code).toBe(code);
}

test('a backup of the store restored over a newer log refuses to serve, and the newer one serves again', async () => {
  await growAndStop('before');
  await cp(store(), join(folder, 'backup'), { recursive: true });
  await growAndStop('after');
  await cp(store(), join(folder, 'newest'), { recursive: true });
  await rm(store(), { recursive: true });
  await cp(join(folder, 'backup'), store(), { recursive: true });
  await expectRefusal(load.start(), 'LEDGER_STORE_BEHIND');
  await rm(store(), { recursive: true });
  await cp(join(folder, 'newest'), store(), { recursive: true });
  await using child = load.start();
  await load.checkAll(load.clientOf(await child.ready));
});

test('two processes on one folder: the second refuses, the first goes on', async () => {
  await using first = load.start();
  const client = load.clientOf(await first.ready);
  await load.append(client, 'one');
  await expectRefusal(load.start(), 'STORE_LOCKED');
  await load.append(client, 'two');
  await load.checkAll(client);
});

test('two copies of the store with one published folder: only one publishes', async () => {
  await growAndStop('before');
  const copy = join(folder, 'copy');
  await cp(data(), copy, { recursive: true });
  const published = join(data(), 'published');
  await using first = load.start();
  const client = load.clientOf(await first.ready);
  await load.append(client, 'one');
  const second = { LEDGER_DATA_DIR: copy, LEDGER_PUBLISHED_DIR: published };
  await expectRefusal(load.start(second), 'LEDGER_PUBLISHED_LOCKED');
  await load.append(client, 'two', 4);
  first.kill('SIGTERM');
  await first.exit;
  await expectRefusal(load.start(second), 'LEDGER_STORE_BEHIND');
  await using again = load.start();
  await load.checkAll(load.clientOf(await again.ready));
});

test('a store copied while it runs is refused once the log has gone on', async () => {
  await using child = load.start();
  const client = load.clientOf(await child.ready);
  let isCopied = false;
  const copying = cp(store(), join(folder, 'copy'), { recursive: true }).then(() => {
    isCopied = true;
  });
  await load.appendUntil(client, 'during', () => isCopied);
  await copying;
  await load.append(client, 'later', 4);
  child.kill('SIGTERM');
  await child.exit;
  await rm(store(), { recursive: true });
  await cp(join(folder, 'copy'), store(), { recursive: true });
  const torn = load.start();
  await torn.ready.then(
    () => expect.unreachable('an older copy serves'),
    () => undefined,
  );
  await torn.exit;
  // Whether the copy is whole is chance; that it is not served is not.
  const codes = ['LEDGER_STORE_BEHIND', 'LEDGER_STORE_DAMAGED', 'STORE_CORRUPT', 'STORE_OPEN_FAILED'];
  expect(codes).toContain(torn.lines.find(({ level }) => level === 'fatal')?.code);
});

test('SIGTERM under load: what was accepted is answered, and what was answered is there', async () => {
  await using child = load.start();
  const client = load.clientOf(await child.ready);
  let isTold = false;
  await load.appendUntil(client, 'load', () => {
    // A batch adds several at once: the count need not be met exactly. Callers go on until they are refused.
    if (!isTold && load.acknowledged.size >= 200) isTold = child.kill('SIGTERM');
    return child.hasEnded;
  });
  expect(await child.exit).toBe(0);
  await using again = load.start();
  const after = load.clientOf(await again.ready);
  await load.checkAll(after);
  await load.repeatAll(after);
  expect(load.acknowledged.size).toBeGreaterThanOrEqual(200);
});

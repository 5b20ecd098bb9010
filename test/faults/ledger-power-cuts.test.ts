import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LedgerLoad } from '../support/ledger-load.ts';
import { cutModels, PowerCutDisk } from '../support/power-cut.ts';
import { seededRandom } from '../support/random.ts';

// The ledger ends at a random one of the things it asks of the disk (a name, a sync, an overwrite), under several
// callers, while it starts, commits, publishes or writes its tables; then the disk forgets what no sync had made
// durable, in one of three ways. Whatever was acknowledged or shown must be there after each start.

const cutCount = 100;
/** Two ledgers side by side: a round is mostly the start of a process. */
const ledgerCount = 2;
/** How many lines of the disk's journal a round may have; a start is the first thirty or so. */
const linesMax = 400;

type Tally = { bytes: number; names: number; unready: number };

async function cutAgainAndAgain(load: LedgerLoad, seed: number, tally: Tally): Promise<void> {
  const random = seededRandom(seed);
  await using disk = await PowerCutDisk.create(load.dataFolder);
  for (let round = 0; round < cutCount / ledgerCount; round += 1) {
    const end = String(1 + random(linesMax));
    await using child = load.start({ ...disk.environment, DISK_SHIM_KILL_AT: end });
    const url = await child.ready.catch(() => undefined);
    if (url === undefined) tally.unready += 1;
    else await loadUntilEnd(load, url, `r${round}`);
    await child.exit;
    const loss = await disk.cut(cutModels[round % cutModels.length] ?? 'strict', random);
    tally.bytes += loss.bytes;
    tally.names += loss.names;
  }
  await using child = load.start();
  const client = load.clientOf(await child.ready);
  await load.checkAll(client);
  await load.repeatAll(client);
}

/** The process ends by itself: a check it could not answer is made in a later round, or at the end of all. */
async function loadUntilEnd(load: LedgerLoad, url: string, name: string): Promise<void> {
  const client = load.clientOf(url);
  await load.appendUntil(client, name, () => false);
}

test(`after ${cutCount} power cuts nothing acknowledged is lost and no checkpoint is contradicted`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lucid-ledger-cut-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => await rm(folder, { recursive: true, force: true }));
  const loads = await Promise.all(
    Array.from({ length: ledgerCount }, async () => await LedgerLoad.create(await mkdtemp(join(folder, 'ledger-')))),
  );
  const tally: Tally = { bytes: 0, names: 0, unready: 0 };
  await Promise.all(loads.map((load, index) => cutAgainAndAgain(load, index, tally)));
  for (const { acknowledged, seen } of loads) {
    expect(acknowledged.size).toBeGreaterThan(cutCount);
    expect(seen.size).toBeGreaterThan(cutCount / ledgerCount);
  }
  expect(tally.bytes).toBeGreaterThan(0);
  expect(tally.names).toBeGreaterThan(0);
  expect(tally.unready).toBeGreaterThan(0);
});

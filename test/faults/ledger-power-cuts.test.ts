import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LedgerLoad } from '../support/ledger-load.ts';
import { type CutTally, cutAgainAndAgain, sumTallies } from '../support/power-cut-rounds.ts';

// The ledger ends at a random one of the things it asks of the disk (a name, a sync, an overwrite), under several
// callers, while it starts, commits, publishes or writes its tables; then the disk forgets what no sync had made
// durable, in one of three ways. Whatever was acknowledged or shown must be there after each start.

const cutCount = 100;
/** Two ledgers side by side: a round is mostly the start of a process. */
const ledgerCount = 2;
/** How many lines of the disk's journal a round may have; a start is the first thirty or so. */
const linesMax = 400;

async function cutLedger(load: LedgerLoad, seed: number): Promise<CutTally> {
  const tally = await cutAgainAndAgain({
    root: load.dataFolder,
    cutCount: cutCount / ledgerCount,
    linesMax,
    seed,
    work: async (environment, round) => {
      await using child = load.start(environment);
      const url = await child.ready.catch(() => undefined);
      if (url !== undefined) await loadUntilEnd(load, url, `r${round}`);
      await child.exit;
      return url !== undefined;
    },
  });
  await using child = load.start();
  const client = load.clientOf(await child.ready);
  await load.checkAll(client);
  await load.repeatAll(client);
  return tally;
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
  const tally = sumTallies(await Promise.all(loads.map((load, index) => cutLedger(load, index))));
  for (const { acknowledged, seen } of loads) {
    expect(acknowledged.size).toBeGreaterThan(cutCount);
    expect(seen.size).toBeGreaterThan(cutCount / ledgerCount);
  }
  expect(tally.bytes).toBeGreaterThan(0);
  expect(tally.names).toBeGreaterThan(0);
  expect(tally.unready).toBeGreaterThan(0);
});

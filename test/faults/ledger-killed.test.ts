import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LedgerLoad } from '../support/ledger-load.ts';
import { seededRandom } from '../support/random.ts';

// The ledger's process is killed (SIGKILL) again and again under several callers. Whatever it acknowledged must be
// there after each start, at its index, and every checkpoint it showed must be one of the log's own past.

const killCount = 100;
/** Two ledgers side by side: a round is mostly the start of a process. */
const ledgerCount = 2;
const answersMax = 120;

async function killAgainAndAgain(load: LedgerLoad, seed: number): Promise<void> {
  const random = seededRandom(seed);
  for (let round = 0; round < killCount / ledgerCount; round += 1) {
    await using child = load.start();
    const client = load.clientOf(await child.ready);
    await load.check(client);
    const before = load.acknowledged.size;
    const answers = random(answersMax);
    await load.appendUntil(client, `r${round}`, () => {
      const isOver = load.acknowledged.size - before >= answers;
      if (isOver) child.kill('SIGKILL');
      return isOver;
    });
    await child.exit;
  }
  await using child = load.start();
  const client = load.clientOf(await child.ready);
  await load.checkAll(client);
  await load.repeatAll(client);
  await load.checkAll(client);
}

test(`killed ${killCount} times, nothing acknowledged is lost and no checkpoint is contradicted`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lucid-ledger-killed-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => await rm(folder, { recursive: true, force: true }));
  const loads = await Promise.all(
    Array.from({ length: ledgerCount }, async () => await LedgerLoad.create(await mkdtemp(join(folder, 'ledger-')))),
  );
  await Promise.all(loads.map((load, index) => killAgainAndAgain(load, index)));
  for (const { acknowledged, seen } of loads) {
    expect(acknowledged.size).toBeGreaterThan(killCount);
    expect(seen.size).toBeGreaterThan(killCount / ledgerCount);
  }
});

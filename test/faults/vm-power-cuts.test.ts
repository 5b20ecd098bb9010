import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { checkChain } from '../../services/vm/test/support/check-chain.ts';
import { type CutTally, cutAgainAndAgain, sumTallies } from '../support/power-cut-rounds.ts';

// As the ledger's power cuts, of the chain: every transaction it acknowledged is in a block or waits for one, every
// receipt it showed is of a block that is there, and every block leads, node by node, to a whole state.

const cutCount = 30;
/** Two chains side by side: a round is mostly the start of a process. */
const chainCount = 2;
/** The chain grows with each round, and is walked whole after each. */
const linesMax = 150;
const writer = fileURLToPath(new URL('../../services/vm/test/support/crash-writer.ts', import.meta.url));

/** Has a chain take transactions until it ends itself; answers what it acknowledged and showed. */
async function loadUntilEnd(folder: string, environment: Readonly<Record<string, string>>): Promise<string[]> {
  const child = spawn(process.execPath, ['--conditions=source', '--no-warnings', writer, folder], {
    env: { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 60_000,
  });
  const exited = once(child, 'exit');
  const shown: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) shown.push(line);
  await exited;
  expect(child.signalCode).toBe('SIGKILL');
  return shown;
}

async function cutChain(folder: string, seed: number): Promise<CutTally & { shown: number }> {
  const root = join(folder, 'disk');
  await mkdir(root);
  const chain = join(root, 'chain');
  const shown: string[] = [];
  const tally = await cutAgainAndAgain({
    root,
    cutCount: cutCount / chainCount,
    linesMax,
    seed,
    work: async (environment) => {
      const before = shown.length;
      shown.push(...(await loadUntilEnd(chain, environment)));
      return shown.length > before;
    },
    check: async () => {
      // Before the first receipt there may be no chain yet.
      if (shown.length > 0) await checkChain(chain, shown);
    },
  });
  return { ...tally, shown: shown.length };
}

test(`after ${cutCount} power cuts the chain has all it acknowledged, every block it showed a receipt of, and all its state`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lucid-vm-cut-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => await rm(folder, { recursive: true, force: true }));
  const tallies = await Promise.all(
    Array.from(
      { length: chainCount },
      async (_, index) => await cutChain(await mkdtemp(join(folder, 'chain-')), index),
    ),
  );
  for (const { shown } of tallies) expect(shown).toBeGreaterThan(cutCount);
  const tally = sumTallies(tallies);
  expect(tally.bytes).toBeGreaterThan(0);
  expect(tally.names).toBeGreaterThan(0);
  expect(tally.unready).toBeGreaterThan(0);
});

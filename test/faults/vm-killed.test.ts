import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { checkChain } from '../../services/vm/test/support/check-chain.ts';
import { type Random, seededRandom } from '../support/random.ts';

// The chain, loaded by three senders and killed: every transaction it acknowledged is in a block or waits for one, every
// receipt it showed is of a block that is there, and head, state, receipts and indexes agree.

const killCount = 100;
/** Chains side by side: a round is mostly the start of a process. */
const chainCount = 3;
const writer = fileURLToPath(new URL('../../services/vm/test/support/crash-writer.ts', import.meta.url));

/** Loads a chain in `folder` and kills it once it printed `lines` lines and `afterMs` have passed; answers the lines. */
async function loadAndKill(folder: string, lines: number, afterMs: number): Promise<string[]> {
  const child = spawn(process.execPath, ['--conditions=source', '--no-warnings', writer, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const shown: string[] = [];
  const stuck = setTimeout(() => child.kill('SIGTERM'), 60_000);
  for await (const line of createInterface({ input: child.stdout })) {
    shown.push(line);
    if (shown.length === lines) setTimeout(() => child.kill('SIGKILL'), afterMs);
  }
  clearTimeout(stuck);
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
  // The last line may have been cut.
  return shown.filter((line) => /^(acknowledged|\d+ 0x[0-9a-f]{64}) 0x[0-9a-f]{64}$/.test(line));
}

async function killChain(folder: string, kills: number, random: Random): Promise<{ lines: number; heads: number[] }> {
  const shown: string[] = [];
  const heads: number[] = [];
  for (let kill = 0; kill < kills; kill++) {
    shown.push(...(await loadAndKill(folder, 1 + random(60), random(20))));
    heads.push(await checkChain(folder, shown));
  }
  return { lines: shown.length, heads };
}

test(`after ${killCount} kills nothing acknowledged is lost, and everything agrees`, async () => {
  const root = await mkdtemp(join(tmpdir(), 'lucid-vm-killed-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => await rm(root, { recursive: true, force: true }));
  const random = seededRandom(20_251);
  const reports = await Promise.all(
    Array.from({ length: chainCount }, async (_, index) => {
      const kills = Math.floor((killCount + index) / chainCount);
      return await killChain(await mkdtemp(join(root, 'chain-')), kills, random);
    }),
  );
  expect(reports.flatMap(({ heads }) => heads)).toHaveLength(killCount);
  for (const { heads, lines } of reports) {
    expect(heads.toSorted((a, b) => a - b)).toEqual(heads);
    expect(heads.at(-1)).toBeGreaterThan(heads.length);
    expect(lines).toBeGreaterThan(heads.length * 2);
  }
});

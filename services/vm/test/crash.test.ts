import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { checkChain } from './support/check-chain.ts';
import { tempDir } from './support/test-vm.ts';

const RUNS = 10;
const writer = fileURLToPath(new URL('support/crash-writer.ts', import.meta.url));

/** Loads a vm in `folder` and kills it with SIGKILL once `receipts` were shown and `afterMs` have passed. */
async function loadAndKill(folder: string, receipts: number, afterMs: number): Promise<string[]> {
  const child = spawn(process.execPath, ['--conditions=source', '--no-warnings', writer, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const shown: string[] = [];
  const stuck = setTimeout(() => child.kill('SIGTERM'), 20_000);
  for await (const line of createInterface({ input: child.stdout })) {
    shown.push(line);
    if (shown.length === receipts) setTimeout(() => child.kill('SIGKILL'), afterMs);
  }
  clearTimeout(stuck);
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
  return shown;
}

test(`kill -9 at ${RUNS} random moments: nothing that was shown is lost, and everything agrees`, async () => {
  await using folder = await tempDir();
  let before = -1;
  for (let run = 0; run < RUNS; run++) {
    const shown = await loadAndKill(folder.path, 1 + Math.floor(Math.random() * 40), Math.random() * 30);
    const head = await checkChain(folder.path, shown);
    expect(head).toBeGreaterThan(before);
    before = head;
  }
}, 120_000);

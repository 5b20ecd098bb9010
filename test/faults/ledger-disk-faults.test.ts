import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runMatrix } from './matrix/matrix.ts';

// Each distinct call of a working ledger to its disk is refused once (strace), with EIO or ENOSPC: `pnpm faults` does
// it to every call, with both.

test('whatever the disk refuses, the log opens again with all it acknowledged, and contradicts nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lucid-faults-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => await rm(folder, { recursive: true, force: true }));
  const { runs, failures } = await runMatrix({ folder, isSample: true, jobs: 2 });
  expect(failures).toEqual([]);
  const reached = runs.filter(({ outcome }) => outcome !== 'not reached');
  expect(reached.length).toBeGreaterThan(50);
  expect(reached.some(({ outcome }) => outcome === 'reopened')).toBe(true);
  expect(reached.some(({ outcome }) => outcome === 'refused to start')).toBe(true);
});

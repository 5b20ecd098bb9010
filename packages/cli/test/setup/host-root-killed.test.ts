import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { listSecretCopies } from '../../src/setup/host-layout.ts';
import { ensureHostRoot } from '../../src/setup/host-root.ts';

const source = fileURLToPath(new URL('../../src/setup/host-root.ts', import.meta.url));

/** Starts a setup and kills it once it has made so many files and folders; answers how many there were then. */
async function killAt(root: string, count: number): Promise<number> {
  const code = `const { ensureHostRoot } = await import(process.argv[1]); await ensureHostRoot(process.argv[2]);`;
  const args = ['--conditions=source', '--input-type=module', '--eval', code, source, root];
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  const ended = once(child, 'exit');
  while (child.exitCode === null && entryCount(root) < count) await setImmediate();
  child.kill('SIGKILL');
  await ended;
  return entryCount(root);
}

/** Of what stays once it is there: a temporary file may go between the count and the kill. */
function entryCount(root: string): number {
  try {
    return readdirSync(root, { recursive: true }).filter((path) => !String(path).endsWith('.tmp')).length;
  } catch {
    return 0; // not made yet, or a temporary file that went while it was listed
  }
}

test.each([12, 34, 41, 50, 64])('killed after %i files and folders, the next run completes it', async (count) => {
  const root = join(await mkdtemp(join(tmpdir(), 'lucid-killed-')), 'Lucid');
  expect(await killAt(root, count)).toBeGreaterThanOrEqual(count);
  await ensureHostRoot(root);
  for (const { holder, file } of listSecretCopies()) {
    const copy = await readFile(join(root, 'secrets', holder, file), 'utf8');
    expect(copy).toBe(await readFile(join(root, 'keys', file), 'utf8'));
  }
  expect((await ensureHostRoot(root)).created).toEqual([]);
});

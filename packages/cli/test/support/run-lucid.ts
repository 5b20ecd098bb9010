import { execFile } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface LucidRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real command as a child, as a user of its own: nothing of this machine's configuration is seen. */
export async function createLucid(): Promise<{
  readonly folder: string;
  readonly lucid: (args: readonly string[], options?: { input?: string; env?: NodeJS.ProcessEnv }) => Promise<LucidRun>;
}> {
  const folder = await mkdtemp(join(tmpdir(), 'lucid-cli-'));
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
  return {
    folder,
    lucid: (args, { input = '', env = {} } = {}) =>
      new Promise((resolve) => {
        const child = execFile(
          process.execPath,
          ['--conditions=source', main, ...args],
          { cwd: folder, env: { PATH: process.env['PATH'], HOME: folder, ...env } },
          (error, stdout, stderr) => resolve({ exitCode: error ? Number(error.code) : 0, stdout, stderr }),
        );
        child.stdin?.end(input);
      }),
  };
}

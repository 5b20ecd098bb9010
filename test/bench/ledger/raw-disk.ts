import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Round } from '../measure.ts';
import { benchScratch } from './ledger-server.ts';

const script = fileURLToPath(new URL('raw-disk-main.ts', import.meta.url));

export interface RawDisk extends AsyncDisposable {
  /** Appends 512 B and syncs, again and again. */
  readonly sync: (seconds: number) => Promise<Round>;
}

/** The disk itself, in a process of its own so that the shim can slow it just as it slows the ledger. */
export async function startRawDisk(env: Readonly<Record<string, string>> = {}): Promise<RawDisk> {
  await using stack = new AsyncDisposableStack();
  const scratch = stack.use(await benchScratch());
  const child = spawn(process.execPath, [script, join(scratch.path, 'appended')], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  stack.defer(() => end(child));
  const lines = createInterface({ input: child.stdout });
  const owned = stack.move();
  return {
    sync: async (seconds) => {
      const answer = once(lines, 'line') as Promise<[string]>;
      child.stdin.write(`${seconds}\n`);
      return JSON.parse((await answer)[0]) as Round;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.stdin?.end();
  await ended;
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { findFirstPort, portsFrom } from '../src/ports.ts';

// `pnpm dev` as a developer has it: ready, ready again after a change, and gone when it is killed.

const main = fileURLToPath(new URL('../src/dev/main.ts', import.meta.url));
const watched = fileURLToPath(new URL('../src/summary.ts', import.meta.url));

/** Resolves once `stream` has said `text` `times` times. */
async function untilSaid(stream: Readable, text: string, times: number): Promise<void> {
  let said = '';
  for await (const part of stream.iterator({ destroyOnReturn: false })) {
    said += String(part);
    if (said.split(text).length > times) return;
  }
  throw new Error(`ended without saying "${text}" ${times} times; it said:\n${said}`);
}

/** Resolves once nobody listens at the address any more. */
async function untilRefused(url: string): Promise<void> {
  for (;;) {
    try {
      await (await fetch(url)).body?.cancel();
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('restarts on a change, on the same data; a killed watcher leaves nothing behind', {
  timeout: 60_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lucid-dev-'));
  const firstPort = await findFirstPort();
  const child = spawn(process.execPath, ['--conditions=source', main], {
    env: { PATH: process.env['PATH'], LUCID_DATA_DIR: join(folder, 'data'), LUCID_FIRST_PORT: String(firstPort) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await untilSaid(child.stdout, 'is ready: nine services', 1);
    const now = new Date();
    await utimes(watched, now, now);
    await untilSaid(child.stdout, 'is ready: nine services', 1);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'close');
  }
  await Promise.all(Object.values(portsFrom(firstPort)).map((port) => untilRefused(`http://127.0.0.1:${port}/livez`)));
  await rm(folder, { recursive: true, force: true });
  expect(child.signalCode).toBe('SIGKILL');
});

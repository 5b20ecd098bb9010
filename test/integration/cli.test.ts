import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

// A person at a terminal: the `lucid` command against a whole platform, then without it.

const main = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url));
const content = randomBytes(300_000);

let platform: TestPlatform;
let home: string;

beforeAll(async () => {
  platform = await startTestPlatform();
  home = await mkdtemp(join(tmpdir(), 'lucid-home-'));
  await writeFile(join(home, 'password'), randomBytes(12).toString('hex'), { mode: 0o600 });
  await writeFile(join(home, 'content'), content);
});
afterAll(async () => {
  await platform[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

interface Ran {
  readonly exitCode: number;
  readonly result: Record<string, unknown>;
}

/** Runs `lucid --json …` in a home of its own; its last line of JSON is the result. */
function lucid(...args: readonly string[]): Promise<Ran> {
  const { promise, resolve } = Promise.withResolvers<Ran>();
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_DATA_HOME: join(home, 'data'),
    LUCID_GATEWAY_URL: platform.urls.gateway,
  };
  execFile(process.execPath, ['--conditions=source', main, '--json', ...args], { env }, (error, stdout, stderr) => {
    const text = stdout.trim() || stderr.trim();
    const exitCode = typeof error?.code === 'number' ? error.code : 0;
    resolve({ exitCode, result: JSON.parse(text) as Record<string, unknown> });
  });
  return promise;
}

test('register, record, seal, list, export, read back, verify, prove; then verify with the platform off', async () => {
  const password = ['--password-file', join(home, 'password')];
  const setupCode = await platform.setupCode();
  expect(await lucid('login', '--setup-code', setupCode ?? '', '--username', 'me', ...password)).toMatchObject({
    exitCode: 0,
  });
  const recorded = await lucid(
    'session',
    'record',
    join(home, 'content'),
    '--label',
    'a file',
    '--chunk-bytes',
    '100000',
    '--seal',
  );
  expect(recorded).toMatchObject({ exitCode: 0 });
  const listed = await lucid('session', 'list');
  expect(listed.result).toMatchObject({ items: [{ state: 'anchored', labels: ['a file'], seal: { chunkCount: 3 } }] });

  const files = { bundle: join(home, 'proof.json'), plain: join(home, 'plain'), chunks: join(home, 'chunks') };
  const exported = await lucid(
    'session',
    'export',
    'latest',
    '--output',
    files.bundle,
    '--plain',
    files.plain,
    '--chunk',
    '1',
    '--chunk-folder',
    files.chunks,
  );
  expect(exported).toMatchObject({ exitCode: 0 });
  expect((await readFile(files.plain)).equals(content)).toBe(true);
  expect(await lucid('ledger', 'proof', '0')).toMatchObject({ exitCode: 0 });
  expect(await lucid('chain', 'status')).toMatchObject({ exitCode: 0 });
  expect(await lucid('gov', 'params')).toMatchObject({ exitCode: 0 });

  await platform[Symbol.asyncDispose]();
  expect(await lucid('verify', files.bundle, '--require-anchor')).toMatchObject({ exitCode: 0, result: { ok: true } });
  const bundle = await readFile(files.bundle);
  bundle[1000] = (bundle[1000] ?? 0) ^ 1;
  await writeFile(files.bundle, bundle);
  expect(await lucid('verify', files.bundle)).toMatchObject({ exitCode: 6, result: { ok: false } });
  expect(await lucid('session', 'list')).toMatchObject({ exitCode: 5 });
});

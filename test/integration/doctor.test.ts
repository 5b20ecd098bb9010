import { execFile } from 'node:child_process';
import { chown, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Finding } from '@lucid/cli/doctor/finding';
import { openHost } from '@lucid/cli/doctor/host';
import { checkPlatform } from '@lucid/cli/doctor/platform';
import { checkPort } from '@lucid/cli/doctor/ports';
import { ensureHostRoot } from '@lucid/cli/setup/host-root';
import { createSocksFetch } from '@lucid/client/socks-fetch';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSocksServer } from '../../packages/client/test/socks-server.ts';
import { TestServices } from '../support/services.ts';

// The doctor's look at a running platform, at one of its services that is away, and at none.

const main = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url));

let services: TestServices;
let otherRoot: string;

beforeAll(async () => {
  services = await TestServices.start();
  otherRoot = join(await mkdtemp(join(tmpdir(), 'lucid-doctor-')), 'Lucid');
  await ensureHostRoot(otherRoot, { chainId: 7 });
});
afterAll(async () => {
  await services[Symbol.asyncDispose]();
  await rm(join(otherRoot, '..'), { recursive: true, force: true });
});

const severities = (findings: readonly Finding[]) =>
  Object.fromEntries(findings.map(({ id, severity }) => [id, severity]));

test('a platform that is well is well, by its own keys', async () => {
  expect(severities(await checkPlatform(services.urls.gateway, services.dataDir))).toEqual({
    gateway: 'ok',
    'service-api': 'ok',
    'service-sessions': 'ok',
    'service-ledger': 'ok',
    'service-blockchain-api': 'ok',
    'service-governance': 'ok',
    chain: 'ok',
    ledger: 'ok',
    'ledger-key': 'ok',
  });
});

test('at an onion address it is asked through the proxy', async () => {
  await using socks = await startSocksServer({ port: Number(new URL(services.urls.gateway).port) });
  const url = `http://${'a'.repeat(56)}.onion`;
  const findings = await checkPlatform(url, services.dataDir, { fetch: createSocksFetch(socks.proxy) });
  expect(severities(findings)).toMatchObject({ gateway: 'ok', chain: 'ok', 'ledger-key': 'ok' });
  expect(new Set(socks.asked)).toEqual(new Set([`${'a'.repeat(56)}.onion:80`]));
});

test('every port says whose it is, which release, and that it is ready', async () => {
  for (const [service, url] of Object.entries(services.urls)) {
    expect(await checkPort(openHost(), service, Number(new URL(url).port))).toMatchObject({ severity: 'ok' });
  }
});

test('keys of another platform are told from its own', async () => {
  const findings = await checkPlatform(services.urls.gateway, otherRoot);
  expect(severities(findings)).toMatchObject({ chain: 'fail', ledger: 'ok', 'ledger-key': 'fail' });
  expect(findings.find(({ id }) => id === 'chain')?.found).toContain('is of chain 7');
});

describe('with the ledger away', () => {
  beforeAll(() => services.stop('ledger'));
  afterAll(async () => {
    await services.start('ledger');
    await services.waitReady();
  });

  test('it and whoever needs it are named', async () => {
    let findings: readonly Finding[] = [];
    // The gateway's own look at the services is a moment old.
    const look = async () => severities((findings = await checkPlatform(services.urls.gateway, undefined)));
    await expect.poll(look, { timeout: 5000 }).toMatchObject({
      gateway: 'ok',
      'service-ledger': 'fail',
      'service-sessions': 'fail',
      'service-api': 'ok',
      chain: 'ok',
      ledger: 'fail',
    });
    expect(findings.find(({ id }) => id === 'service-sessions')?.found).toContain('ledger');
  });
});

describe('the command', () => {
  interface Ran {
    readonly exitCode: number;
    readonly stdout: string;
    readonly stderr: string;
  }

  /** As in the image: no home, no PATH, user 1000 where this test may be another user. */
  async function lucidWith(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ran> {
    const user = process.geteuid?.() === 0 ? { uid: 1000, gid: 1000 } : {};
    return await new Promise((resolve) => {
      execFile(process.execPath, ['--conditions=source', main, ...args], { env, ...user }, (error, stdout, stderr) =>
        resolve({ exitCode: error ? Number(error.code) : 0, stdout, stderr }),
      );
    });
  }

  const lucid = (...args: readonly string[]) =>
    lucidWith({ LUCID_ALLOW_UNMOUNTED: '1', LUCID_ALLOW_NO_MEMORY_LIMITS: '1' }, ...args);

  let root: string;
  beforeAll(async () => {
    const parent = await mkdtemp(join(tmpdir(), 'lucid-operator-'));
    root = join(parent, 'Lucid');
    if (process.geteuid?.() === 0) await chown(parent, 1000, 1000);
  });
  afterAll(() => rm(join(root, '..'), { recursive: true, force: true }));

  test('setup makes the folders, says where the code will be, and is repeatable', async () => {
    const made = await lucid('setup', '--root', root, '--profile', 'dev');
    expect([made.exitCode, made.stdout]).toEqual([0, expect.stringContaining('data/api/setup-code')]);
    expect((await readdir(root)).toSorted()).toEqual(['data', 'keys', 'secrets']);
    const again = await lucid('setup', '--root', root, '--chain-id', '9');
    expect(again).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('nothing: all were there') as string });
    expect(again.stderr).toContain('keeps chain id 20251');
  });

  test('preflight finds nothing that must stop a start', async () => {
    const { exitCode, stdout } = await lucid('doctor', '--preflight', '--root', root, '--with', 'redis,tor');
    expect(stdout).toMatch(/ 0 failures\n$/);
    expect(exitCode).toBe(0);
  });

  test('preflight stops a start with reason and fix', async () => {
    const { exitCode, stdout } = await lucid('doctor', '--preflight', '--root', join(root, 'missing'));
    expect(stdout).toMatch(/FAIL {2}disk-writable +.*cannot be written[^]*why: [^]*fix: Make it: sudo mkdir -p/);
    expect(exitCode).toBe(3);
  });

  test('doctor ends with 0 for a platform that is well, with 5 where none answers', async () => {
    const well = await lucid('doctor', '--profile', 'ci', '--json', '--gateway', services.urls.gateway);
    const { findings } = JSON.parse(well.stdout) as { findings: Finding[] };
    expect(findings.filter(({ severity, id }) => severity === 'fail' && !id.startsWith('port-'))).toEqual([]);
    expect(findings.filter(({ severity, fix }) => severity === 'warn' && !fix)).toEqual([]);
    const away = await lucid('doctor', '--profile', 'ci', '--gateway', 'http://127.0.0.1:9');
    expect(away.stdout).toMatch(/FAIL {2}gateway +No gateway answers at http:\/\/127\.0\.0\.1:9/);
    expect(away.exitCode).toBe(5);
  });

  test('what is to be typed has the machine’s name of the folder', async () => {
    const env = { LUCID_HOST_ROOT: '/mnt/ssd/Lucid', LUCID_ALLOW_UNMOUNTED: '1' };
    const { stdout } = await lucidWith(env, 'doctor', '--preflight', '--root', join(root, 'missing'));
    expect(stdout).toContain('fix: Make it: sudo mkdir -p /mnt/ssd/Lucid &&');
    expect(stdout).not.toContain(root);
    await writeFile(join(root, 'secrets/vm/genesis.json'), '{}');
    const { exitCode, stderr } = await lucidWith(env, 'setup', '--root', root);
    expect(stderr).toContain(
      '/mnt/ssd/Lucid/secrets/vm/genesis.json is not the same as /mnt/ssd/Lucid/keys/genesis.json',
    );
    expect(exitCode).toBe(3);
  });

  test('what cannot be understood is refused', async () => {
    for (const args of [['--preflight'], ['--with', 'postgres'], ['--profile', 'mars']]) {
      expect(await lucid('doctor', ...args)).toMatchObject({ exitCode: 2, stdout: '' });
    }
    expect(await lucid('setup', '--root', root, '--keys', root)).toMatchObject({ exitCode: 2 });
  });
});

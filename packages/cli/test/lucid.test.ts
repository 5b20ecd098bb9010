import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeVerifierKey } from '@lucid/common/formats/note';
import { encodeLogPolicy } from '@lucid/common/formats/policy';
import { beforeAll, describe, expect, test } from 'vitest';
import { createLucid } from './support/run-lucid.ts';

let folder: string;
let lucid: Awaited<ReturnType<typeof createLucid>>['lucid'];
beforeAll(async () => {
  ({ folder, lucid } = await createLucid());
});

/** Nobody listens there. */
const nowhere = 'http://127.0.0.1:9';

describe.concurrent('help', () => {
  test('names every command and the exit codes, and is no error', async () => {
    const { exitCode, stdout, stderr } = await lucid(['--help']);
    expect([exitCode, stderr]).toEqual([0, '']);
    for (const word of [
      'setup',
      'login',
      'session',
      'verify',
      'ledger',
      'chain',
      'gov',
      'tunnel',
      '--socks',
      '--json',
      'Exit codes',
    ]) {
      expect(stdout).toContain(word);
    }
    expect((await lucid(['--version'])).stdout.trim()).toMatch(/^\d+\.\d+\.\d+$/);
  });

  test.each([
    ['session', 'record', '--resume'],
    ['session', 'export', '--chunk-folder'],
    ['gov', 'propose', '--set'],
    ['verify', '', '--trust'],
    ['setup', '', '--profile'],
    ['tunnel', 'create', '--client-auth'],
  ])('lucid %s %s says its options and the global ones', async (command, verb, option) => {
    const { exitCode, stdout } = await lucid([command, verb, '--help'].filter(Boolean));
    expect(exitCode).toBe(0);
    expect(stdout).toContain(option);
    expect(stdout).toContain('--json');
  });
});

test('a sign-in for another machine’s platform is not shown to whoever has tunnel-tools’ usual port on this one', async () => {
  const env = { LUCID_API_KEY_FILE: await file('api-key', 'lucid_key') };
  const { exitCode, stderr } = await lucid(['tunnel', 'list', '--gateway', 'https://pi.example'], { env });
  expect(stderr).toMatch(/Say where tunnel-tools is: --tunnels URL/);
  expect(exitCode).toBe(2);
});

test('an export that fails leaves no folder in the way of the next', async () => {
  const env = { LUCID_API_KEY_FILE: await file('api-key', 'lucid_key') };
  const output = join(folder, 'exported');
  const args = ['tunnel', 'export', 'a', '--output', output, '--gateway', nowhere, '--tunnels', nowhere];
  expect(await lucid(args, { env })).toMatchObject({ exitCode: 5 });
  await expect(stat(output)).rejects.toMatchObject({ code: 'ENOENT' });
});

describe.concurrent('errors say what is wrong and what to do, with their exit code and without a stack', () => {
  const cases: [string, () => Promise<string[]>, number, RegExp][] = [
    ['an unknown command', async () => ['sesion'], 2, /unknown command 'sesion'\n\(Did you mean session\?\)/],
    ['a group without a command', async () => ['gov'], 2, /Usage: lucid gov/],
    ['an unknown option', async () => ['session', 'list', '--frob'], 2, /unknown option '--frob'/],
    ['a missing argument', async () => ['verify'], 2, /missing required argument 'bundle'/],
    ['an argument too many', async () => ['whoami', 'me'], 2, /too many arguments/],
    ['a number that is none', async () => ['session', 'record', '--retain-days', 'x'], 2, /whole number from 0/],
    [
      'a gateway that is no address',
      async () => ['chain', 'status', '--gateway', 'x'],
      2,
      /--gateway takes an address/,
    ],
    [
      'an onion address without tor',
      async () => ['chain', 'status', '--gateway', 'http://a.onion'],
      2,
      /only; name its SOCKS port\. \(ONION_NEEDS_SOCKS\)\nhint: .*--socks/,
    ],
    [
      'a SOCKS proxy that is none',
      async () => ['chain', 'status', '--gateway', 'http://a.onion', '--socks', 'tor'],
      2,
      /HOST:PORT or unix:PATH, not "tor"/,
    ],
    [
      'a SOCKS proxy that is not there',
      async () => ['chain', 'status', '--gateway', 'http://a.onion', '--socks', '127.0.0.1:9'],
      5,
      /asked at http:\/\/a\.onion.*\nhint: Is tor running\? Say where: --socks/,
    ],
    ['an onion service without a sign-in', async () => ['tunnel', 'list'], 4, /not signed in.*\nhint: Sign in/],
    ['an address given up by mistake', async () => ['tunnel', 'remove', 'a'], 2, /never comes back.*--yes/],
    ['a change of nothing', async () => ['tunnel', 'set', 'a', '--ttl', '0'], 2, /from 1 on, or never/],
    [
      'a file a key cannot be written to',
      async () => ['tunnel', 'clients', 'add', 'a', 'Ana', '--output', await file('taken', 'x')],
      3,
      /taken is there already/,
    ],
    [
      'a folder a key cannot be written to',
      async () => ['tunnel', 'clients', 'add', 'a', 'Ana', '--output', join(folder, 'none', 'key')],
      3,
      /cannot be written in .*none/,
    ],
    ['no way to sign in', async () => ['login'], 2, /--username NAME, --wallet FILE or --api-key-file FILE/],
    ['a code without a name', async () => ['login', '--setup-code', 'x'], 2, /--username NAME/],
    ['two sources', async () => ['session', 'record', 'a', '--command', 'b'], 2, /not both/],
    ['nothing to propose', async () => ['gov', 'propose', '--wallet', 'x', '--title', 't'], 2, /--set KEY=VALUE/],
    ['a vote that is none', async () => ['gov', 'vote', '1', 'yes', '--wallet', 'x'], 2, /for, against or abstain/],
    [
      'a proposal that is none',
      async () => ['gov', 'proposals', 'x'],
      2,
      /not a proposal id; lucid gov proposals lists/,
    ],
    ['a state that is none', async () => ['gov', 'proposals', '--state', 'x'], 2, /Allowed choices are pending/],
    ['not signed in', async () => ['session', 'list'], 4, /not signed in.*NOT_SIGNED_IN[^]*hint: Sign in: lucid login/],
    [
      'nobody there',
      async () => ['chain', 'status', '--gateway', nowhere],
      5,
      /cannot be reached, asked at http:\/\/127\.0\.0\.1:9\.[^]*UPSTREAM_UNREACHABLE[^]*hint: Is the platform/,
    ],
    ['no trust file', async () => ['verify', 'x'], 3, /TRUST_MISSING[^]*hint: Say which log you trust/],
    ['no bundle', async () => ['verify', 'missing', '--trust', await trustFile()], 3, /There is no file missing\./],
    ['a chunk without index', async () => ['verify', 'x', '--chunk', 'y'], 2, /go together/],
    [
      'a trust file that is none',
      async () => ['verify', await file('a', 'x'), '--trust', await file('b', 'x')],
      3,
      /not a tlog-policy/,
    ],
    ['a recording nobody made', async () => ['session', 'seal', 'latest'], 3, /There is no recording latest/],
    ['a wallet others may read', async () => ['login', '--wallet', await exposed()], 3, /chmod 600/],
    ['an API key others may read', async () => ['login', '--api-key-file', await exposed()], 3, /chmod 600/],
    [
      'a password others may read',
      async () => ['login', '--username', 'me', '--password-file', await exposed()],
      3,
      /chmod 600/,
    ],
    [
      'a key file that is none',
      async () => ['login', '--wallet', await file('key', 'hello')],
      3,
      /0x and 64 hex digits\. Name the file of a wallet/,
    ],
  ];
  test.each(cases)('%s', async (_name, args, code, text) => {
    const { exitCode, stdout, stderr } = await lucid(await args());
    expect(stderr).toMatch(text);
    expect(exitCode).toBe(code);
    expect(stdout).toBe('');
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test.each([
    [['session', 'list', '--json'], 'NOT_SIGNED_IN'],
    [['sesion', '--json'], 'USAGE_INVALID'],
    [['verify', 'x', '--json'], 'TRUST_MISSING'],
  ])('%j: as JSON', async (args, code) => {
    const { stderr } = await lucid(args);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code, detail: expect.stringMatching(/\w/) as string } });
  });

  test('a variable that is wrong is named', async () => {
    const { exitCode, stderr } = await lucid(['whoami'], { env: { LUCID_GATEWAY_URL: 'nowhere' } });
    expect(stderr).toMatch(/LUCID_GATEWAY_URL: must be an absolute URL/);
    expect(exitCode).toBe(1);
  });
});

describe('setup', () => {
  test('makes keys once, keeps them, and refuses damaged ones', async () => {
    const first = await lucid(['setup', '--profile', 'dev', '--chain-id', '7', '--json']);
    const made = JSON.parse(first.stdout) as { folder: string; created: string[]; genesis: { chainId: number } };
    expect(made.created).toHaveLength(7);
    expect(made.genesis.chainId).toBe(7);
    expect((await stat(join(folder, '.data/keys'))).mode & 0o777).toBe(0o700);
    const second = await lucid(['setup']);
    expect([second.exitCode, second.stderr]).toEqual([0, '']);
    expect(second.stdout).toMatch(/nothing: all were there[^]*chain id +7[^]*lucid login --setup-code/);
    const ledgerKey = join(folder, '.data/keys/ledger.key');
    expect(first.stdout).not.toContain((await readFile(ledgerKey, 'utf8')).split('\n')[1]);
    await writeFile(ledgerKey, 'x');
    const third = await lucid(['setup']);
    expect(third.exitCode).toBe(3);
    expect(third.stderr).toMatch(/ledger\.key is not a PKCS#8 PEM private key\. Restore it/);
  });
});

test('verify: a bundle that is none is refused with exit code 6, step and code', async () => {
  const args = ['verify', await file('bundle', '{"type":"nothing"}'), '--trust', await trustFile()];
  const { exitCode, stdout } = await lucid(args);
  expect(exitCode).toBe(6);
  expect(stdout).toMatch(/^FAILED  format  [A-Z_]+: /);
  expect(stdout).toContain('NOT VERIFIED');
  const json = await lucid([...args, '--json']);
  expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, steps: [{ step: 'format', ok: false }] });
});

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

async function exposed(): Promise<string> {
  const path = await file('exposed.key', `0x${'1'.repeat(64)}`);
  await chmod(path, 0o644);
  return path;
}

async function trustFile(): Promise<string> {
  return await file(
    'trust.policy',
    encodeLogPolicy(encodeVerifierKey('log.example/lucid/test', new Uint8Array(32).fill(7))),
  );
}

import { createPrivateKey, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { createLucidClient } from '@lucid/client/lucid-client';
import { Journal } from '@lucid/client/recorder/journal';
import { planRecording } from '@lucid/client/recorder/plan-recording';
import { recordStream } from '@lucid/client/recorder/record';
import { sealRecording } from '@lucid/client/recorder/seal-recording';
import { waitForState } from '@lucid/client/wait-for-state';
import { Wallet } from 'ethers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generousLimits } from '../support/generous.ts';
import { createLogBuffer } from '../support/log-buffer.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

// Everything secret that a day on the platform sees, then every line its services logged and every file they wrote.

const logs = createLogBuffer();
/** What must be nowhere, by what it is. */
const secrets = new Map<string, string>();
let platform: TestPlatform;
let journalFolder: string;

function secret(name: string, value: string | undefined): string {
  if (value === undefined || value.length < 16) throw new Error(`${name} is no secret`);
  secrets.set(name, value);
  return value;
}

beforeAll(async () => {
  platform = await startTestPlatform(generousLimits, logs.logger);
  journalFolder = await mkdtemp(join(tmpdir(), 'lucid-journal-'));
  await readKeys();
  await useThePlatform();
});
afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
  await rm(journalFolder, { recursive: true, force: true });
});

/** The platform's own keys, as their files have them and as raw bytes. */
async function readKeys(): Promise<void> {
  const { genesis: _public, ...files } = platform.keys.files;
  for (const [name, path] of Object.entries(files)) {
    const text = await readFile(path, 'utf8');
    const isPem = text.includes('PRIVATE KEY');
    secret(name, isPem ? text.split('\n')[1] : text.trim().slice(2));
    if (!isPem) continue;
    const { d = '' } = createPrivateKey(text).export({ format: 'jwk' });
    secret(`${name}, raw`, d);
    secret(`${name}, in hex`, Buffer.from(d, 'base64url').toString('hex'));
  }
}

async function useThePlatform(): Promise<void> {
  const gatewayUrl = platform.urls.gateway;
  const { identity } = createLucidClient({ gatewayUrl });
  const setupCode = secret('setup code', await platform.setupCode());
  const password = secret('password', randomBytes(16).toString('hex'));
  await identity.registerUser({ body: { name: 'first', password, setupCode } });
  const tokens = await identity.createToken({ body: { grantType: 'password', name: 'first', password } });
  secret('access token', tokens.accessToken);
  const refreshToken = secret('refresh token', tokens.refreshToken);
  const renewed = await identity.createToken({ body: { grantType: 'refresh_token', refreshToken } });
  const token = secret('renewed access token', renewed.accessToken);
  secret('renewed refresh token', renewed.refreshToken);
  const client = createLucidClient({ gatewayUrl, token: () => token });
  await useAnApiKey(client);
  await useAWallet(client);
  await record(client);
  await beClumsy();
  // Last, since it ends the sign-in: a refresh token that comes twice.
  await expect(identity.createToken({ body: { grantType: 'refresh_token', refreshToken } })).rejects.toMatchObject({
    code: 'REFRESH_TOKEN_REUSED',
  });
}

type Client = ReturnType<typeof createLucidClient>;

async function useAnApiKey({ identity }: Client): Promise<void> {
  const { apiKey } = await identity.createApiKey({ body: { name: 'key', roles: ['user'] } });
  secret('API key', apiKey);
  // lk_<id>_<secret>; the secret is base64url, in which an underscore is a digit.
  secret('API key, its secret half', apiKey.split('_').slice(2).join('_'));
  const anonymous = createLucidClient({ gatewayUrl: platform.urls.gateway });
  const { accessToken } = await anonymous.identity.createToken({ body: { grantType: 'api_key', apiKey } });
  secret('access token of the API key', accessToken);
  const keyed = createLucidClient({ gatewayUrl: platform.urls.gateway, token: () => accessToken });
  await keyed.identity.getMe();
}

async function useAWallet({ identity }: Client): Promise<void> {
  const wallet = new Wallet(`0x${secret('wallet key', randomBytes(32).toString('hex'))}`);
  const sign = async (purpose: 'link-wallet' | 'sign-in') => {
    const { message } = await identity.createChallenge({ body: { address: wallet.address, purpose } });
    return { message, signature: await wallet.signMessage(message) };
  };
  await identity.linkWallet({ body: await sign('link-wallet') });
  const tokens = await identity.createToken({ body: { grantType: 'wallet', ...(await sign('sign-in')) } });
  secret('access token by wallet', tokens.accessToken);
  secret('refresh token by wallet', tokens.refreshToken);
}

async function* sourceOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function record({ sessions }: Client): Promise<void> {
  const plan = await planRecording({ policyHash: '0'.repeat(64), retention: { retainForSec: 3600 } });
  secret('session secret', plan.secret);
  secret('session secret, in base 64', Buffer.from(plan.secret, 'hex').toString('base64'));
  secret('recorder seed', plan.recorderSeed);
  const content = secret('recorded text', `the recorded words ${randomBytes(16).toString('hex')}`);
  await using journal = await Journal.create(journalFolder, plan);
  await recordStream(sourceOf(Buffer.from(content.repeat(50))), { sessions, journal });
  const { sessionId } = await sealRecording({ sessions, journal });
  await waitForState(sessions, sessionId, 'anchored');
}

/** Secrets where they do not belong: people paste them into addresses, headers, broken and misnamed bodies. */
async function beClumsy(): Promise<void> {
  const [password, token] = [secret('a mistyped password', randomBytes(16).toString('hex')), secrets.get('API key')];
  const json = { 'content-type': 'application/json' };
  const path = '/api/v1/identity/auth/token';
  const bodies: [Record<string, string>, string][] = [
    [json, JSON.stringify({ grantType: 'password', name: 'first', password })],
    [json, `{"grantType":"password","name":"first","password":"${password}"`],
    [json, JSON.stringify({ grantType: 'password', name: 'first', password: [password] })],
    [json, JSON.stringify({ grantType: 'password', name: 'first', [password]: password })],
    [json, JSON.stringify({ grantType: password })],
    [{ 'content-type': 'text/plain' }, password],
    [{ 'content-type': `application/${password}` }, password],
    [{ ...json, authorization: `Bearer ${token}` }, '{}'],
    [{ ...json, authorization: `Basic ${password}` }, '{}'],
    [{ ...json, cookie: `token=${password}`, 'x-api-key': String(token), traceparent: password }, '{}'],
  ];
  for (const base of [platform.urls.gateway + path, `${platform.urls.api}/auth/token`]) {
    for (const [headers, body] of bodies) {
      const response = await fetch(base, { method: 'POST', headers, body });
      expect([400, 401, 415]).toContain(response.status);
    }
    await fetch(`${base}?apiKey=${token}&password=${password}`, { method: 'POST', headers: json, body: '{}' });
  }
}

describe('the logs', () => {
  test('tell of everything that was done', () => {
    const operations = ['createToken', 'createApiKey', 'linkWallet', 'putChunk', 'sealSession', 'createAnchor'];
    for (const operation of operations) expect(logs.text()).toContain(`"operation":"${operation}"`);
    expect(secrets.size).toBeGreaterThan(25);
  });

  test('hold no secret', () => {
    const text = logs.text();
    expect([...secrets].filter(([, value]) => text.includes(value)).map(([name]) => name)).toEqual([]);
  });

  test('hold no token of anybody, a service’s neither', () => {
    expect(logs.text().match(/eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.|lk_[a-z0-9]+_|PRIVATE KEY/g)).toBeNull();
  });
});

interface Entry {
  readonly path: string;
  readonly isFolder: boolean;
  /** Permission bits of anybody but the owner. */
  readonly others: number;
}

async function entriesOf(folder: string): Promise<Entry[]> {
  const names = await readdir(folder, { recursive: true });
  return await Promise.all(
    ['', ...names].map(async (name) => {
      const path = join(folder, name);
      const found = await stat(path);
      return { path, isFolder: found.isDirectory(), others: found.mode & 0o077 };
    }),
  );
}

describe('the files', () => {
  test('with keys, and the recorder’s journal, are their owner’s alone', async () => {
    const keys = await entriesOf(platform.keys.folder);
    const journal = await entriesOf(journalFolder);
    expect(keys.length).toBeGreaterThan(7);
    expect(journal.length).toBeGreaterThan(4);
    expect([...keys, ...journal].filter(({ others }) => others !== 0).map(({ path }) => path)).toEqual([]);
  });

  test('of the services cannot be read by others', async () => {
    const exposed = (await readdir(platform.dataDir, { withFileTypes: true })).map(async ({ name }) => {
      const { mode } = await stat(join(platform.dataDir, name));
      return (mode & 0o077) === 0 ? [] : [name];
    });
    expect((await Promise.all(exposed)).flat()).toEqual([]);
  });

  test('of the services hold no secret: neither a password, nor a token, nor what was recorded', async () => {
    const files = (await entriesOf(platform.dataDir)).filter(({ path, isFolder }) => {
      return !isFolder && !path.startsWith(platform.keys.folder);
    });
    const found: string[] = [];
    for (const { path } of files) {
      const bytes = await readFile(path);
      for (const [name, value] of secrets) {
        const forms = [Buffer.from(value), ...(/^([0-9a-f]{2})+$/.test(value) ? [Buffer.from(value, 'hex')] : [])];
        if (forms.some((form) => bytes.includes(form))) found.push(`${name} in ${relative(platform.dataDir, path)}`);
      }
    }
    expect(found).toEqual([]);
    expect(files.length).toBeGreaterThan(20);
  });
});

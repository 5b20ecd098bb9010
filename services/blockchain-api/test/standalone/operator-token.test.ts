import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTokenVerifier } from '@lucid/common/http/tokens';
import { TestClock } from '@lucid/common/runtime/clock';
import { createLogger } from '@lucid/common/runtime/logger';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { keepOperatorToken, readOwnIdentity } from '../../src/standalone/operator-token.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lucid-token-'));
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

async function writeKey(type: 'ed25519' | 'x25519' = 'ed25519'): Promise<string> {
  const { privateKey } = type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('x25519');
  const path = join(folder, 'signing.key');
  await writeFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return path;
}

const context = (clock: TestClock) => ({ clock, logger: createLogger({ name: 'test', level: 'silent' }) });

test('the token verifies as an operator’s, is private, is renewed in time, and goes with the process', async () => {
  const own = await readOwnIdentity(await writeKey());
  const clock = new TestClock();
  const path = join(folder, 'operator.token');
  const kept = await keepOperatorToken(path, own, context(clock));
  const first = (await readFile(path, 'utf8')).trim();
  expect((await stat(path)).mode & 0o777).toBe(0o600);

  const verify = createTokenVerifier({
    service: 'blockchain-api',
    issuer: own.tokenIssuer,
    userKeys: new URL(own.jwksUrl),
    serviceKey: generateKeyPairSync('ed25519').publicKey,
  });
  expect(await verify(first)).toMatchObject({ subject: 'operator', roles: ['operator'] });

  await clock.slept();
  clock.advance(5 * 60_000);
  await vi.waitFor(async () => expect((await readFile(path, 'utf8')).trim()).not.toBe(first));
  expect(await verify((await readFile(path, 'utf8')).trim())).toMatchObject({ roles: ['operator'] });

  await kept[Symbol.asyncDispose]();
  expect(await readdir(folder)).toEqual(['signing.key']);
});

test('a signing key that is none is refused by name', async () => {
  const expected = { code: 'SIGNING_KEY_INVALID', message: expect.stringContaining('signing.key') };
  await expect(readOwnIdentity(await writeKey('x25519'))).rejects.toMatchObject(expected);
  await writeFile(join(folder, 'signing.key'), 'no key');
  await expect(readOwnIdentity(join(folder, 'signing.key'))).rejects.toMatchObject(expected);
});

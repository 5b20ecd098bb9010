import { chmod, mkdtemp, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { CredentialStore, type Credentials } from '../src/credentials.ts';

let folder: string;
let store: CredentialStore;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'lucid-credentials-')), 'lucid');
  store = new CredentialStore(folder);
});

const credentials = (refreshToken: string): Credentials => ({
  version: 1,
  gatewayUrl: 'http://127.0.0.1:8082',
  name: 'ada',
  tokens: {
    accessToken: 'a',
    tokenType: 'Bearer',
    expiresAt: '2026-01-01T00:00:00.000Z',
    refreshToken,
    subject: 's',
    roles: ['user'],
    scopes: [],
  },
});

test('are kept for their owner alone, and gone when removed', async () => {
  expect(await store.find()).toBeUndefined();
  await store.put(credentials('r1'));
  expect(await store.find()).toEqual(credentials('r1'));
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  expect((await stat(join(folder, 'credentials.json'))).mode & 0o777).toBe(0o600);
  await store.put(credentials('r2'));
  expect((await store.find())?.tokens.refreshToken).toBe('r2');
  await store.remove();
  expect(await store.find()).toBeUndefined();
});

test('damaged or exposed ones are refused', async () => {
  await store.put(credentials('r1'));
  const path = join(folder, 'credentials.json');
  await chmod(path, 0o644);
  await expect(store.find()).rejects.toMatchObject({ code: 'KEY_FILE_EXPOSED' });
  await chmod(path, 0o600);
  for (const text of ['{', '{}', '{"version":2}']) {
    await writeFile(path, text);
    await expect(store.find()).rejects.toMatchObject({ code: 'CREDENTIALS_INVALID' });
  }
});

test('one at a time works under the lock, whoever holds another view of the same folder', async () => {
  const other = new CredentialStore(folder);
  await store.put(credentials('0'));
  const step = async (view: CredentialStore) => {
    const current = Number((await view.find())?.tokens.refreshToken);
    await view.put(credentials(String(current + 1)));
  };
  await Promise.all([store, other, store, other].map((view) => view.locked(() => step(view))));
  expect((await store.find())?.tokens.refreshToken).toBe('4');
});

test('the lock of one who was killed is taken over', async () => {
  await store.put(credentials('r1'));
  const lock = join(folder, 'credentials.lock');
  await writeFile(lock, '1');
  const longAgo = new Date(Date.now() - 60_000);
  await utimes(lock, longAgo, longAgo);
  expect(await store.locked(async () => 'done')).toBe('done');
});

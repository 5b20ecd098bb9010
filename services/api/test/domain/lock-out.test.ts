import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestClock } from '@lucid/common/runtime/clock';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Passwords } from '../../src/domain/passwords.ts';
import { checkPassword } from '../../src/domain/sign-in.ts';
import { type OpenIdentityStore, openLevelIdentityStore } from '../../src/store/level-identity-store.ts';

/** Compares without the work that makes the real one dear: hundreds of attempts are made here. */
const passwords: Passwords = {
  hash: async (password) => password,
  isPassword: async (password, hash) => password === hash,
};

let folder: string;
let store: OpenIdentityStore;
const clock = new TestClock();
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lucid-lock-out-'));
  store = await openLevelIdentityStore(folder);
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const attempt = (from: string, password: string) =>
  checkPassword({ store, passwords, now: () => clock.now() }, { name: 'ada', from }, password, 'right');
const codeOf = (attempted: Promise<void>) =>
  attempted.then(
    () => 'right',
    (error: { code: string }) => error.code,
  );

test('guesses from everywhere close the name to strangers, and not where it was signed in from before', async () => {
  await attempt('home', 'right');
  const guesses = await Promise.all(
    Array.from({ length: 300 }, (_, index) => codeOf(attempt(`bot ${index}`, 'wrong'))),
  );
  expect(guesses.filter((code) => code === 'AUTH_CREDENTIALS_WRONG')).toHaveLength(101);
  expect(await codeOf(attempt('elsewhere', 'right'))).toBe('AUTH_LOCKED_OUT');
  expect(await codeOf(attempt('home', 'right'))).toBe('right');
});

test('a familiar address has its own limit, and stays familiar through the janitor', async () => {
  await attempt('home', 'right');
  clock.advance(30 * 24 * 3_600_000);
  await store.purge(clock.now());
  for (let count = 0; count < 150; count += 1) await codeOf(attempt(`bot ${count}`, 'wrong'));
  const codes = [];
  for (let count = 0; count < 12; count += 1) codes.push(await codeOf(attempt('home', 'wrong')));
  expect(codes).toEqual([...Array<string>(11).fill('AUTH_CREDENTIALS_WRONG'), 'AUTH_LOCKED_OUT']);
  clock.advance(91 * 24 * 3_600_000);
  expect(await store.purge(clock.now())).toBeGreaterThan(100);
});

import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TestClock } from '@lucid/common/runtime/clock';
import { Wallet } from 'ethers';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  adminPassword,
  createWalletUser,
  registerAdmin,
  signChallenge,
  signInByWallet,
  startTestApi,
  type TestApi,
} from './support/api.ts';

describe('the first start', () => {
  test('a setup code makes one admin, by password, and is gone', async () => {
    await using api = await startTestApi();
    const setupCode = await api.setupCode();
    expect((await stat(join(api.folder, 'setup-code'))).mode & 0o777).toBe(0o600);
    const register = (name: string) => api.anybody.registerUser({ body: { setupCode, name, password: adminPassword } });
    await expect(
      api.anybody.registerUser({ body: { setupCode: 'AAAAA-AAAAA', name: 'eve', password: adminPassword } }),
    ).rejects.toMatchObject({ code: 'SETUP_CODE_INVALID' });
    const both = await Promise.allSettled([register('ada'), register('bob')]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    await expect(api.setupCode()).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(register('carol')).rejects.toMatchObject({ code: 'SETUP_CODE_INVALID' });
  });

  test('the code outlives a restart, a lost file gets a new one, and the wallet way works', async () => {
    const first = await startTestApi();
    const code = await first.setupCode();
    await first[Symbol.asyncDispose]();
    const second = await startTestApi({ folder: first.folder });
    expect(await second.setupCode()).toBe(code);
    await second[Symbol.asyncDispose]();
    await rm(join(first.folder, 'setup-code'));
    await using third = await startTestApi({ folder: first.folder });
    const fresh = await third.setupCode();
    expect(fresh).not.toBe(code);
    const wallet = Wallet.createRandom();
    const proof = await signChallenge(third, wallet, 'register');
    const body = { name: 'ada', wallet: proof };
    await expect(third.anybody.registerUser({ body: { ...body, setupCode: code } })).rejects.toMatchObject({
      code: 'SETUP_CODE_INVALID',
    });
    const user = await third.anybody.registerUser({ body: { ...body, setupCode: fresh.toLowerCase() } });
    expect(user).toMatchObject({ wallets: [wallet.address], roles: expect.arrayContaining(['admin']) as unknown });
    expect((await signInByWallet(third, wallet)).subject).toBe(user.userId);
  });

  test('registration is closed unless the operator opens it', async () => {
    await using closed = await startTestApi();
    const body = { name: 'eve', password: adminPassword };
    await expect(closed.anybody.registerUser({ body })).rejects.toMatchObject({ code: 'REGISTRATION_CLOSED' });
    await registerAdmin(closed);
    await expect(closed.anybody.registerUser({ body })).rejects.toMatchObject({ code: 'REGISTRATION_CLOSED' });
    await using open = await startTestApi({ env: { API_REGISTRATION: 'open' } });
    await expect(open.anybody.registerUser({ body })).rejects.toMatchObject({ code: 'REGISTRATION_CLOSED' });
    await registerAdmin(open);
    expect((await open.anybody.registerUser({ body })).roles).toEqual(['user', 'recorder']);
  });
});

describe('signing in', () => {
  let api: TestApi;
  let admin: string;
  beforeAll(async () => {
    api = await startTestApi();
    admin = (await registerAdmin(api)).accessToken;
  });
  afterAll(() => api[Symbol.asyncDispose]());

  test('an access token says who, for whom and for how long, and its key is published', async () => {
    const { tokens, userId } = await createWalletUser(api, admin, 'walter');
    const claims = decodeJwt(tokens.accessToken);
    expect(claims).toMatchObject({
      iss: 'http://127.0.0.1:8083',
      aud: 'lucid',
      sub: userId,
      role: ['user', 'recorder'],
      scope: 'account:manage',
    });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(900);
    expect(claims.jti).toMatch(/^[0-9a-f-]{36}\.[0-9a-f-]{36}$/);
    const { keys } = await api.anybody.getJwks();
    expect(decodeProtectedHeader(tokens.accessToken)).toEqual({ alg: 'EdDSA', typ: 'JWT', kid: keys[0]?.kid });
    expect(await api.as(tokens.accessToken).getMe()).toMatchObject({ userId, name: 'walter', hasPassword: false });
  });

  test('a wallet signs in whatever the case of the address it asked with', async () => {
    const { wallet } = await createWalletUser(api, admin, 'case');
    const { message } = await api.anybody.createChallenge({ body: { address: wallet.address.toLowerCase() } });
    expect(message).toContain(wallet.address);
    const signature = await wallet.signMessage(message);
    await api.anybody.createToken({ body: { grantType: 'wallet', message, signature } });
  });

  test('a refresh token is single use, and using it twice ends the sign-in', async () => {
    const { tokens } = await createWalletUser(api, admin, 'rita');
    const use = (refreshToken = '') => api.anybody.createToken({ body: { grantType: 'refresh_token', refreshToken } });
    const second = await use(tokens.refreshToken);
    const third = await use(second.refreshToken);
    await expect(use(second.refreshToken)).rejects.toMatchObject({ code: 'REFRESH_TOKEN_REUSED' });
    await expect(use(third.refreshToken)).rejects.toMatchObject({ code: 'REFRESH_TOKEN_INVALID' });
    await expect(use(tokens.refreshToken)).rejects.toMatchObject({ code: 'REFRESH_TOKEN_INVALID' });
  });

  test('of two uses at once one wins, and the sign-in is over', async () => {
    const { tokens } = await createWalletUser(api, admin, 'race');
    const use = (refreshToken = '') => api.anybody.createToken({ body: { grantType: 'refresh_token', refreshToken } });
    const both = await Promise.allSettled([use(tokens.refreshToken), use(tokens.refreshToken)]);
    const [won] = both.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(use(won?.refreshToken)).rejects.toMatchObject({ code: 'REFRESH_TOKEN_INVALID' });
  });

  test('revoking ends the sign-in, and says nothing about tokens it does not know', async () => {
    const { tokens } = await createWalletUser(api, admin, 'rudy');
    const refreshToken = tokens.refreshToken ?? '';
    await api.anybody.revokeToken({ body: { refreshToken } });
    await api.anybody.revokeToken({ body: { refreshToken: 'lr_unknown' } });
    await expect(api.anybody.createToken({ body: { grantType: 'refresh_token', refreshToken } })).rejects.toMatchObject(
      { code: 'REFRESH_TOKEN_INVALID' },
    );
  });

  test('disabling, deleting and a new password end sign-ins', async () => {
    const ways: Record<string, (userId: string) => Promise<unknown>> = {
      disabled: (userId) => api.as(admin).updateUser({ params: { userId }, body: { isDisabled: true } }),
      deleted: (userId) => api.as(admin).deleteUser({ params: { userId } }),
      reset: (userId) => api.as(admin).updateUser({ params: { userId }, body: { password: 'a new password' } }),
    };
    for (const [name, way] of Object.entries(ways)) {
      const { tokens, userId } = await createWalletUser(api, admin, name);
      await way(userId);
      const refreshToken = tokens.refreshToken ?? '';
      const body = { grantType: 'refresh_token', refreshToken } as const;
      await expect(api.anybody.createToken({ body })).rejects.toMatchObject({ code: 'REFRESH_TOKEN_INVALID' });
      if (name !== 'reset') {
        await expect(api.as(tokens.accessToken).getMe()).rejects.toMatchObject({ code: 'AUTH_USER_DISABLED' });
      }
    }
  });
});

test('unknown user and wrong password are answered alike, and both lock the name out', async () => {
  await using api = await startTestApi({ clock: new TestClock(Date.now()) });
  await registerAdmin(api);
  const attempt = (name: string) =>
    api.anybody.createToken({ body: { grantType: 'password', name, password: 'wrong password!' } });
  const problems = [];
  for (const name of ['ada', 'nobody']) {
    for (let count = 0; count < 11; count += 1) await expect(attempt(name)).rejects.toMatchObject({ status: 401 });
    problems.push(await attempt(name).catch((error: unknown) => error));
  }
  for (const problem of problems) expect(problem).toMatchObject({ code: 'AUTH_LOCKED_OUT', retryAfterSec: 1 });
  const right = { grantType: 'password', name: 'ada', password: adminPassword } as const;
  await expect(api.anybody.createToken({ body: right })).rejects.toMatchObject({ code: 'AUTH_LOCKED_OUT' });
});

test('time ends challenges, refresh tokens and lock-outs', async () => {
  const clock = new TestClock(Date.now());
  await using api = await startTestApi({ clock });
  await registerAdmin(api);
  const password = { grantType: 'password', name: 'ada', password: adminPassword } as const;
  const tokens = await api.anybody.createToken({ body: password });
  const wallet = Wallet.createRandom();
  const late = await signChallenge(api, wallet);
  clock.advance(5 * 60_000);
  await expect(api.anybody.createToken({ body: { grantType: 'wallet', ...late } })).rejects.toMatchObject({
    code: 'AUTH_CHALLENGE_EXPIRED',
  });
  for (let count = 0; count < 11; count += 1) {
    await api.anybody.createToken({ body: { ...password, password: 'wrong' } }).catch(() => undefined);
  }
  await expect(api.anybody.createToken({ body: password })).rejects.toMatchObject({ code: 'AUTH_LOCKED_OUT' });
  clock.advance(1000);
  await api.anybody.createToken({ body: password });
  clock.advance(7 * 24 * 3_600_000);
  const body = { grantType: 'refresh_token', refreshToken: tokens.refreshToken ?? '' } as const;
  await expect(api.anybody.createToken({ body })).rejects.toMatchObject({ code: 'REFRESH_TOKEN_EXPIRED' });
});

test('what was answered survives a restart: users, spent nonces, rotated tokens, failed attempts', async () => {
  const clock = new TestClock(Date.now());
  const first = await startTestApi({ clock });
  const admin = (await registerAdmin(first)).accessToken;
  const wallet = Wallet.createRandom();
  await first.as(admin).createUser({ body: { name: 'walter', roles: ['user'], wallet: wallet.address } });
  const spent = await signChallenge(first, wallet);
  const tokens = await first.anybody.createToken({ body: { grantType: 'wallet', ...spent } });
  const use = (api: TestApi, refreshToken = '') =>
    api.anybody.createToken({ body: { grantType: 'refresh_token', refreshToken } });
  const next = await use(first, tokens.refreshToken);
  const unspent = await signChallenge(first, wallet);
  const wrong = { grantType: 'password', name: 'ada', password: 'wrong' } as const;
  for (let count = 0; count < 11; count += 1) await first.anybody.createToken({ body: wrong }).catch(() => undefined);
  await first[Symbol.asyncDispose]();

  await using api = await startTestApi({ folder: first.folder, clock });
  await expect(api.anybody.createToken({ body: { grantType: 'wallet', ...spent } })).rejects.toMatchObject({
    code: 'AUTH_CHALLENGE_REUSED',
  });
  await api.anybody.createToken({ body: { grantType: 'wallet', ...unspent } });
  await expect(api.anybody.createToken({ body: wrong })).rejects.toMatchObject({ code: 'AUTH_LOCKED_OUT' });
  const last = await use(api, next.refreshToken);
  await expect(use(api, tokens.refreshToken)).rejects.toMatchObject({ code: 'REFRESH_TOKEN_REUSED' });
  await expect(use(api, last.refreshToken)).rejects.toMatchObject({ code: 'REFRESH_TOKEN_INVALID' });
});

test('strangers are limited before anything dear is done for them', async () => {
  await using api = await startTestApi({ env: { API_SIGN_INS_PER_MINUTE: '3' } });
  const ask = (forwardedFor: string) =>
    api.anybody.createChallenge(
      { body: { address: `0x${'1'.repeat(40)}` } },
      { headers: { 'x-forwarded-for': forwardedFor } },
    );
  for (let count = 0; count < 3; count += 1) await ask('2001:db8::1');
  await expect(ask('2001:db8::ffff')).rejects.toMatchObject({ code: 'RATE_LIMITED', status: 429, retryAfterSec: 20 });
  await ask('2001:db8:1::1');
  // Only the entry the proxy added counts; a client cannot write itself a new address.
  await expect(ask('192.0.2.7, 2001:db8::2')).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  for (let count = 0; count < 26; count += 1) await ask(`198.51.100.${count}`).catch(() => undefined);
  await expect(ask('203.0.113.1')).rejects.toMatchObject({ code: 'RATE_LIMITED' });
});

import { Wallet } from 'ethers';
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

let api: TestApi;
let admin: string;
let adminId: string;
beforeAll(async () => {
  api = await startTestApi();
  admin = (await registerAdmin(api)).accessToken;
  ({ userId: adminId } = await api.as(admin).getMe());
});
afterAll(() => api[Symbol.asyncDispose]());

const password = 'a password of my own';
const signIn = (name: string, withPassword = password) =>
  api.anybody.createToken({ body: { grantType: 'password', name, password: withPassword } });

/** A second admin who signed in, so that the first one may take their power away. */
async function secondAdmin(name: string) {
  const { userId } = await api.as(admin).createUser({ body: { name, roles: ['user', 'admin'], password } });
  return { userId, tokens: await signIn(name) };
}

/** What somebody does who wants to stay an admin. */
const powers = (token: string, userId: string) => {
  const client = api.as(token);
  const params = { userId };
  return {
    create: () => client.createUser({ body: { name: `heir-${userId.slice(0, 8)}`, roles: ['admin'], password } }),
    promote: () => client.updateUser({ params, body: { roles: ['admin'] } }),
    delete: () => client.deleteUser({ params: { userId: adminId } }),
    list: () => client.listUsers(),
    read: () => client.getUser({ params: { userId: adminId } }),
  };
};

describe('an admin who is one no more', () => {
  test('cannot use the access token that still says so', async () => {
    const { userId, tokens } = await secondAdmin('demoted');
    await api.as(admin).updateUser({ params: { userId }, body: { roles: ['user'] } });
    for (const use of Object.values(powers(tokens.accessToken, userId))) {
      await expect(use()).rejects.toMatchObject({ status: 403 });
    }
    expect((await api.as(admin).getUser({ params: { userId } })).roles).toEqual(['user']);
  });

  test('nor when disabled, nor when deleted', async () => {
    for (const way of ['disabled', 'deleted'] as const) {
      const { userId, tokens } = await secondAdmin(way);
      const params = { userId };
      if (way === 'deleted') await api.as(admin).deleteUser({ params });
      else await api.as(admin).updateUser({ params, body: { isDisabled: true } });
      for (const use of Object.values(powers(tokens.accessToken, userId))) {
        await expect(use()).rejects.toMatchObject({ code: 'AUTH_USER_DISABLED' });
      }
    }
  });
});

test('the API key of an admin reads users, and neither makes nor changes them', async () => {
  const created = await api.as(admin).createApiKey({ body: { name: 'backup', roles: ['admin'] } });
  const { accessToken } = await api.anybody.createToken({ body: { grantType: 'api_key', apiKey: created.apiKey } });
  const { create, promote, delete: remove, list } = powers(accessToken, adminId);
  const takeOver = () => api.as(accessToken).updateUser({ params: { userId: adminId }, body: { password } });
  for (const use of [create, promote, remove, takeOver]) {
    await expect(use()).rejects.toMatchObject({ code: 'AUTH_SCOPE_MISSING' });
  }
  expect((await list()).items.map(({ name }) => name)).toContain('ada');
  await signIn('ada', adminPassword);
});

describe('a sign-in that was ended', () => {
  const settle = (token: string) => api.as(token).createApiKey({ body: { name: 'mine', roles: ['user'] } });

  test('by its refresh token manages no credentials any more', async () => {
    const { tokens } = await createWalletUser(api, admin, 'gone');
    await settle(tokens.accessToken);
    await api.anybody.revokeToken({ body: { refreshToken: tokens.refreshToken ?? '' } });
    await expect(settle(tokens.accessToken)).rejects.toMatchObject({ code: 'AUTH_SIGN_IN_ENDED', status: 401 });
  });

  test('by a new password neither', async () => {
    const { userId } = await api.as(admin).createUser({ body: { name: 'pwned', roles: ['user'], password } });
    const stolen = await signIn('pwned');
    await api.as(admin).updateUser({ params: { userId }, body: { password: 'a better password' } });
    await expect(settle(stolen.accessToken)).rejects.toMatchObject({ code: 'AUTH_SIGN_IN_ENDED' });
    await settle((await signIn('pwned', 'a better password')).accessToken);
  });

  test('by the loss of the wallet it was made with neither, and it cannot be prolonged', async () => {
    const { wallet: stolen, tokens } = await createWalletUser(api, admin, 'robbed');
    const kept = Wallet.createRandom();
    await api.as(tokens.accessToken).linkWallet({ body: await signChallenge(api, kept, 'link-wallet') });
    const thief = await signInByWallet(api, stolen);
    const owner = await signInByWallet(api, kept);
    await api.as(owner.accessToken).unlinkWallet({ params: { address: stolen.address } });
    await expect(settle(thief.accessToken)).rejects.toMatchObject({ code: 'AUTH_SIGN_IN_ENDED' });
    const refresh = (refreshToken = '') =>
      api.anybody.createToken({ body: { grantType: 'refresh_token', refreshToken } });
    await expect(refresh(thief.refreshToken)).rejects.toMatchObject({ code: 'REFRESH_TOKEN_INVALID' });
    await refresh(owner.refreshToken);
  });
});

test('a password that is changed while it is being checked opens no sign-in', async () => {
  const { userId } = await api.as(admin).createUser({ body: { name: 'quick', roles: ['user'], password } });
  const attempts = Array.from({ length: 6 }, () => signIn('quick'));
  const change = api.as(admin).updateUser({ params: { userId }, body: { password: 'a better password' } });
  const [results] = await Promise.all([Promise.allSettled(attempts), change]);
  for (const result of results) {
    if (result.status === 'rejected') continue;
    const refreshToken = result.value.refreshToken ?? '';
    const body = { grantType: 'refresh_token', refreshToken } as const;
    await expect(api.anybody.createToken({ body })).rejects.toMatchObject({ code: 'REFRESH_TOKEN_INVALID' });
  }
});

test('an API key whose end is no time is refused, not given without an end', async () => {
  for (const expiresAt of ['2026-12-31T23:59:60Z', '2026-12-31T23:59:60.5+00:00']) {
    const body = { name: 'leap', roles: ['user' as const], expiresAt };
    await expect(api.as(admin).createApiKey({ body })).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      errors: [{ pointer: '/body/expiresAt' }],
    });
  }
  expect((await api.as(admin).listApiKeys()).items.filter(({ name }) => name === 'leap')).toEqual([]);
});

describe('one address', () => {
  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });

  test('that asks too often takes nothing from the others', async () => {
    await using limited = await startTestApi({ env: { API_SIGN_INS_PER_MINUTE: '2' } });
    const ask = (address: string) =>
      limited.anybody.createChallenge({ body: { address: `0x${'1'.repeat(40)}` } }, from(address));
    const flood = await Promise.allSettled(Array.from({ length: 60 }, () => ask('203.0.113.9')));
    expect(flood.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    await ask('198.51.100.7');
  });

  test('that guesses passwords locks itself out, not the owner of the name', async () => {
    const guess = (address: string, withPassword: string) =>
      api.anybody.createToken({ body: { grantType: 'password', name: 'ada', password: withPassword } }, from(address));
    for (let count = 0; count < 11; count += 1) {
      await guess('203.0.113.9', 'a wrong password').catch(() => undefined);
    }
    await expect(guess('203.0.113.9', adminPassword)).rejects.toMatchObject({ code: 'AUTH_LOCKED_OUT' });
    expect((await guess('198.51.100.7', adminPassword)).subject).toBe(adminId);
  });
});

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { IdentityStore } from '../../src/domain/stores.ts';
import type { ApiKey, Policy, User } from '../../src/domain/types.ts';

type OpenStore = IdentityStore & AsyncDisposable;

const user = (userId: string, change: Partial<User> = {}): User => ({
  userId,
  name: `name-${userId}`,
  displayName: null,
  roles: ['user'],
  wallets: [],
  isDisabled: false,
  createdAt: 1,
  updatedAt: 1,
  signInsValidFrom: 1,
  ...change,
});
const apiKey = (apiKeyId: string, createdAt: number): ApiKey => ({
  apiKeyId: apiKeyId.padStart(16, '0'),
  userId: 'a',
  name: 'key',
  roles: ['user'],
  scopes: [],
  secretHash: '00',
  createdAt,
  expiresAt: null,
});
const policy = (policyHash: string, policyId: string, version: number, subject = 'a'): Policy => ({
  policyHash,
  policy: { policyId, version, owner: { subject, address: '0x' } } as Policy['policy'],
  signature: '0x',
  createdAt: 1,
});
const everything = { limit: 100, after: undefined };

/** What every IdentityStore promises. `location` names one store: opening it again finds what was written. */
export function identityStoreContract(
  name: string,
  backend: { location: () => Promise<string>; open: (location: string) => Promise<OpenStore> },
): void {
  describe(`${name} keeps the IdentityStore contract`, () => {
    let location: string;
    let store: OpenStore;
    beforeEach(async () => {
      location = await backend.location();
      store = await backend.open(location);
    });
    afterEach(() => store[Symbol.asyncDispose]());

    async function reopen(): Promise<void> {
      await store[Symbol.asyncDispose]();
      store = await backend.open(location);
    }

    test('a user is found by id, name and wallet in any case, also after a restart', async () => {
      expect(await store.hasUsers()).toBe(false);
      const ada = user('a', { wallets: ['0xAbC'] });
      await store.createUser(ada);
      await reopen();
      expect(await store.hasUsers()).toBe(true);
      expect(await store.findUser('a')).toEqual(ada);
      expect(await store.findUserByName('name-a')).toEqual(ada);
      expect(await store.findUserByWallet('0XABC'.toLowerCase())).toEqual(ada);
      expect(await store.findUser('b')).toBeUndefined();
      expect(await store.findUserByName('a')).toBeUndefined();
      expect(await store.findUserByWallet('0xab')).toBeUndefined();
    });

    test('of users who race for a name or a wallet one gets it, and the others nothing', async () => {
      const racers = ['a', 'b', 'c'].map((id) => store.createUser(user(id, { name: 'same', wallets: [`0x${id}`] })));
      const names = await Promise.allSettled(racers);
      expect(names.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
      expect(names[1]).toMatchObject({ reason: { code: 'USER_NAME_TAKEN' } });
      expect(await store.findUserByWallet('0xb')).toBeUndefined();
      await expect(store.createUser(user('d', { wallets: ['0xA'] }))).rejects.toMatchObject({ code: 'WALLET_TAKEN' });
      expect(await store.findUserByName('name-d')).toBeUndefined();
    });

    test('an update keeps the wallets’ index right, and one that throws writes nothing', async () => {
      await store.createUser(user('a', { wallets: ['0x1'] }));
      await store.createUser(user('b', { wallets: ['0x2'] }));
      await store.updateUser('a', (found) => ({ ...found, wallets: ['0x3'] }));
      expect(await store.findUserByWallet('0x1')).toBeUndefined();
      expect((await store.findUserByWallet('0x3'))?.userId).toBe('a');
      await expect(store.updateUser('a', (found) => ({ ...found, wallets: ['0x2'] }))).rejects.toMatchObject({
        code: 'WALLET_TAKEN',
      });
      const fault = new Error('no');
      await expect(
        store.updateUser('a', () => {
          throw fault;
        }),
      ).rejects.toBe(fault);
      expect((await store.findUser('a'))?.wallets).toEqual(['0x3']);
      await expect(store.updateUser('x', (found) => found)).rejects.toMatchObject({ code: 'USER_NOT_FOUND' });
    });

    test('two updates at once both count', async () => {
      await store.createUser(user('a'));
      const link = (wallet: string) => store.updateUser('a', (u) => ({ ...u, wallets: [...u.wallets, wallet] }));
      await Promise.all(['0x1', '0x2', '0x3'].map(link));
      expect((await store.findUser('a'))?.wallets).toEqual(['0x1', '0x2', '0x3']);
    });

    test('the last enabled admin cannot go', async () => {
      await store.createUser(user('a', { roles: ['admin'] }));
      await store.createUser(user('b', { roles: ['admin'] }));
      const leave = (id: string) => store.updateUser(id, (found) => ({ ...found, isDisabled: true }));
      const both = await Promise.allSettled([leave('a'), store.deleteUser('b')]);
      expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
      expect(both[1]).toMatchObject({ reason: { code: 'USER_LAST_ADMIN' } });
      expect(await store.findUser('b')).toBeDefined();
    });

    test('a deleted user leaves name, wallet and keys behind for others', async () => {
      await store.createUser(user('a', { wallets: ['0x1'] }));
      await store.createApiKey(apiKey('1', 1), 9);
      await store.deleteUser('a');
      expect(await store.findApiKey(apiKey('1', 1).apiKeyId)).toBeUndefined();
      expect(await store.hasUsers()).toBe(false);
      await store.createUser(user('b', { name: 'name-a', wallets: ['0x1'] }));
      await expect(store.deleteUser('a')).rejects.toMatchObject({ code: 'USER_NOT_FOUND' });
    });

    test('users are listed by name, in pages', async () => {
      for (const id of ['c', 'a', 'b']) await store.createUser(user(id));
      const ids = async (limit: number, after?: string) =>
        (await store.listUsers({ limit, after })).map(({ userId }) => userId);
      expect(await ids(2)).toEqual(['a', 'b']);
      expect(await ids(2, 'name-b')).toEqual(['c']);
    });

    test('the setup code makes one user', async () => {
      await store.putSetupCodeHash('hash');
      expect(await store.findSetupCodeHash()).toBe('hash');
      await store.createUser(user('x'));
      await expect(store.createFirstUser(user('a', { name: 'name-x' }), 'hash')).rejects.toMatchObject({
        code: 'USER_NAME_TAKEN',
      });
      await expect(store.createFirstUser(user('a'), 'hush')).rejects.toMatchObject({ code: 'SETUP_CODE_INVALID' });
      const both = await Promise.allSettled(['a', 'b'].map((id) => store.createFirstUser(user(id), 'hash')));
      expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
      expect(await store.findSetupCodeHash()).toBeUndefined();
    });

    test('a nonce is spent once, also after a restart', async () => {
      const both = await Promise.allSettled([store.spendNonce('n', 10), store.spendNonce('n', 10)]);
      expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
      await reopen();
      await expect(store.spendNonce('n', 10)).rejects.toMatchObject({ code: 'AUTH_CHALLENGE_REUSED' });
    });

    test('a refresh token rotates once; the second use ends the sign-in', async () => {
      const signIn = { signInId: 's', userId: 'a', createdAt: 1 };
      await store.openSignIn(signIn, 'h1', 100);
      expect(await store.rotate('h1', { hash: 'h2', expiresAt: 200 }, 50)).toEqual({ kind: 'rotated', signIn });
      await reopen();
      expect(await store.rotate('h1', { hash: 'h3', expiresAt: 200 }, 50)).toEqual({ kind: 'reused', signIn });
      expect(await store.rotate('h2', { hash: 'h3', expiresAt: 200 }, 50)).toEqual({ kind: 'unknown' });
      expect(await store.rotate('h9', { hash: 'h3', expiresAt: 200 }, 50)).toEqual({ kind: 'unknown' });
    });

    test('a refresh token ends by time or by being revoked', async () => {
      await store.openSignIn({ signInId: 's', userId: 'a', createdAt: 1 }, 'h1', 100);
      await store.openSignIn({ signInId: 't', userId: 'a', createdAt: 1 }, 'k1', 100);
      expect(await store.rotate('h1', { hash: 'h2', expiresAt: 200 }, 100)).toEqual({ kind: 'expired' });
      await store.revoke('k1');
      await store.revoke('nothing');
      expect(await store.rotate('k1', { hash: 'k2', expiresAt: 200 }, 50)).toEqual({ kind: 'unknown' });
    });

    test('attempts are changed one after another, and a change that throws changes nothing', async () => {
      const add = () =>
        store.updateAttempts('h', (found) => ({ count: (found?.count ?? 0) + 1, lastAt: 1, blockedUntil: 0 }));
      await Promise.all([add(), add(), add()]);
      const fault = new Error('locked');
      await expect(
        store.updateAttempts('h', () => {
          throw fault;
        }),
      ).rejects.toBe(fault);
      await reopen();
      const seen: unknown[] = [];
      await store.updateAttempts('h', (found) => void seen.push(found));
      await store.updateAttempts('h', (found) => void seen.push(found));
      expect(seen).toEqual([{ count: 3, lastAt: 1, blockedUntil: 0 }, undefined]);
    });

    test('purge forgets what ended and nothing else', async () => {
      await store.spendNonce('old', 10);
      await store.spendNonce('new', 1000);
      await store.openSignIn({ signInId: 's', userId: 'a', createdAt: 1 }, 'old', 10);
      await store.openSignIn({ signInId: 't', userId: 'a', createdAt: 1 }, 'new', 1000);
      expect(await store.purge(10)).toBe(3);
      expect(await store.purge(10)).toBe(0);
      await expect(store.spendNonce('new', 1000)).rejects.toMatchObject({ code: 'AUTH_CHALLENGE_REUSED' });
      expect(await store.rotate('new', { hash: 'x', expiresAt: 2000 }, 20)).toMatchObject({ kind: 'rotated' });
    });

    test('API keys are found, listed in pages, limited and deleted', async () => {
      const keys = [apiKey('1', 5), apiKey('2', 3), apiKey('3', 3)] as const;
      for (const key of keys) await store.createApiKey(key, 3);
      await expect(store.createApiKey(apiKey('4', 9), 3)).rejects.toMatchObject({ code: 'API_KEY_LIMIT_REACHED' });
      const first = await store.listApiKeys('a', { limit: 2, after: undefined });
      expect(first).toEqual([keys[1], keys[2]]);
      expect(await store.listApiKeys('a', { limit: 2, after: [3, keys[2].apiKeyId] })).toEqual([keys[0]]);
      expect(await store.listApiKeys('b', everything)).toEqual([]);
      await Promise.all([store.deleteApiKey(keys[0]), store.deleteApiKey(keys[0])]);
      expect(await store.findApiKey(keys[0].apiKeyId)).toBeUndefined();
      await store.createApiKey(apiKey('4', 9), 3);
      expect(await store.findApiKey(apiKey('4', 9).apiKeyId)).toEqual(apiKey('4', 9));
    });

    test('policies: versions follow each other, hashes find them, the same again is the same', async () => {
      const [one, two] = [policy('h1', 'p', 1), policy('h2', 'p', 2)];
      await expect(store.createPolicy(two)).rejects.toMatchObject({
        code: 'POLICY_VERSION_CONFLICT',
        data: { versionNext: 1 },
      });
      await store.createPolicy(one);
      expect(await store.createPolicy({ ...one, createdAt: 9 })).toEqual(one);
      const both = await Promise.allSettled([store.createPolicy(two), store.createPolicy(policy('h3', 'p', 2))]);
      expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
      await expect(store.createPolicy(policy('h4', 'p', 3, 'b'))).rejects.toMatchObject({ code: 'POLICY_OWNER_WRONG' });
      await store.createPolicy(policy('h5', 'o', 1));
      await reopen();
      expect(await store.findPolicy('h2')).toEqual(two);
      expect((await store.listPolicies('a', undefined, everything)).map((p) => p.policyHash)).toEqual([
        'h5',
        'h1',
        'h2',
      ]);
      expect((await store.listPolicies('a', 'p', { limit: 9, after: ['p', 1] })).map((p) => p.policyHash)).toEqual([
        'h2',
      ]);
      expect(await store.listPolicies('b', undefined, everything)).toEqual([]);
    });
  });
}

import type { GroupCommit, Transaction } from '@lucid/common/storage/group-commit';
import { decodeJson, encodeJson } from '@lucid/common/storage/json';
import type { KeyValueStore } from '@lucid/common/storage/kv';
import { pageRange } from '@lucid/common/storage/prefix';
import { isEqual } from '../domain/challenges.ts';
import type { UserStore } from '../domain/stores.ts';
import type { User } from '../domain/types.ts';
import { apiError } from '../errors.ts';
import { spaces } from './keys.ts';
import { listApiKeyEntries } from './level-api-keys.ts';
import { decodeText, encodeText } from './text.ts';

const adminsKey = spaces.facts.key('admins');
const userCountKey = spaces.facts.key('user-count');
const setupCodeKey = spaces.facts.key('setup-code');

/** Users on a key-value store. `writer` is the only writer of its keys, which is what makes names and wallets unique. */
export function createLevelUsers(store: KeyValueStore, writer: GroupCommit): UserStore {
  const findUser = (userId: string) => readUser(store.findSync(spaces.users.key(userId)));
  const findBy = (key: Uint8Array) => {
    const userId = store.findSync(key);
    return userId && findUser(decodeText(userId));
  };
  return {
    hasUsers: async () => countUsers(store.findSync(userCountKey)) > 0,
    createUser: (user) => writer.run((tx) => insertUser(tx, user)),
    createFirstUser: (user, setupCodeHash) =>
      writer.run((tx) => {
        const stored = tx.find(setupCodeKey);
        if (!stored || !isEqual(decodeText(stored), setupCodeHash)) {
          throw apiError('SETUP_CODE_INVALID', 'The setup code is wrong, or the first user exists already.');
        }
        insertUser(tx, user);
        tx.del(setupCodeKey);
      }),
    updateUser: (userId, change) => writer.run((tx) => updateUser(tx, userId, change)),
    deleteUser: async (userId) => {
      const apiKeys = await listApiKeyEntries(store, userId);
      await writer.run((tx) => deleteUser(tx, userId, apiKeys));
    },
    findUser: async (userId) => findUser(userId),
    findUserByName: async (name) => findBy(spaces.names.key(name)),
    findUserByWallet: async (address) => findBy(walletKey(address)),
    listUsers: async ({ limit, after }) => {
      const users: User[] = [];
      const from = after === undefined ? undefined : spaces.names.key(after);
      for await (const [, userId] of store.range(pageRange(spaces.names.range(), { after: from, limit }))) {
        const user = findUser(decodeText(userId));
        if (user) users.push(user);
      }
      return users;
    },
    findSetupCodeHash: async () => {
      const hash = store.findSync(setupCodeKey);
      return hash && decodeText(hash);
    },
    putSetupCodeHash: (hash) => writer.run((tx) => tx.put(setupCodeKey, encodeText(hash))),
  };
}

function readUser(value: Uint8Array | undefined): User | undefined {
  return value && decodeJson<User>(value);
}

function walletKey(address: string): Uint8Array {
  return spaces.wallets.key(address.toLowerCase());
}

function countUsers(value: Uint8Array | undefined): number {
  return value ? decodeJson<number>(value) : 0;
}

function insertUser(tx: Transaction, user: User): void {
  if (tx.find(spaces.names.key(user.name))) throw apiError('USER_NAME_TAKEN', `Another user is called ${user.name}.`);
  tx.put(spaces.names.key(user.name), encodeText(user.userId));
  for (const wallet of user.wallets) takeWallet(tx, wallet, user.userId);
  tx.put(spaces.users.key(user.userId), encodeJson(user));
  tx.put(userCountKey, encodeJson(countUsers(tx.find(userCountKey)) + 1));
  noteAdmin(tx, user.userId, isAdmin(user));
}

function updateUser(tx: Transaction, userId: string, change: (user: User) => User): User {
  const before = getUser(tx, userId);
  const after = change(before);
  for (const wallet of before.wallets) if (!after.wallets.includes(wallet)) tx.del(walletKey(wallet));
  for (const wallet of after.wallets) if (!before.wallets.includes(wallet)) takeWallet(tx, wallet, userId);
  tx.put(spaces.users.key(userId), encodeJson(after));
  noteAdmin(tx, userId, isAdmin(after));
  return after;
}

function deleteUser(tx: Transaction, userId: string, apiKeys: readonly Uint8Array[]): void {
  const user = getUser(tx, userId);
  noteAdmin(tx, userId, false);
  tx.del(spaces.names.key(user.name));
  for (const wallet of user.wallets) tx.del(walletKey(wallet));
  for (const key of apiKeys) tx.del(key);
  tx.del(spaces.users.key(userId));
  tx.put(userCountKey, encodeJson(countUsers(tx.find(userCountKey)) - 1));
}

function getUser(tx: Transaction, userId: string): User {
  const user = readUser(tx.find(spaces.users.key(userId)));
  if (!user) throw apiError('USER_NOT_FOUND', `There is no user ${userId}.`);
  return user;
}

function takeWallet(tx: Transaction, address: string, userId: string): void {
  if (tx.find(walletKey(address))) throw apiError('WALLET_TAKEN', `The wallet ${address} is linked to another user.`);
  tx.put(walletKey(address), encodeText(userId));
}

function isAdmin({ roles, isDisabled }: User): boolean {
  return roles.includes('admin') && !isDisabled;
}

/** Keeps the list of admins who can sign in. @throws USER_LAST_ADMIN when it would become empty */
function noteAdmin(tx: Transaction, userId: string, isNowAdmin: boolean): void {
  const value = tx.find(adminsKey);
  const admins = value ? decodeJson<string[]>(value) : [];
  const others = admins.filter((id) => id !== userId);
  if (admins.includes(userId) === isNowAdmin) return;
  if (!isNowAdmin && others.length === 0) {
    throw apiError('USER_LAST_ADMIN', 'This is the last admin who can sign in; make another one first.');
  }
  tx.put(adminsKey, encodeJson(isNowAdmin ? [...others, userId] : others));
}

import { randomUUID } from 'node:crypto';
import { getAddress } from 'ethers';
import { apiError } from '../errors.ts';
import { isEqual, type SignedMessage } from './challenges.ts';
import { verifyPasswordFit } from './passwords.ts';
import { hashSetupCode } from './secrets.ts';
import { checkPassword, proveWallet, type SignInDeps } from './sign-in.ts';
import type { PageRequest, User, UserRole } from './types.ts';

export const walletsMax = 16;
/** The first user runs the platform; roles are exact, none contains another. */
export const firstUserRoles: readonly UserRole[] = ['user', 'recorder', 'auditor', 'operator', 'admin'];
const registeredRoles: readonly UserRole[] = ['user', 'recorder'];

export interface UsersDeps extends Pick<SignInDeps, 'store' | 'challenges' | 'passwords' | 'now'> {
  /** Whether people may register themselves once there is an admin. */
  readonly isRegistrationOpen: boolean;
  /** Called once the setup code made the first user. */
  readonly onSetupDone: () => Promise<void>;
}

export interface NewUser {
  readonly name: string;
  readonly displayName?: string;
  readonly roles: readonly UserRole[];
  readonly password?: string;
  readonly wallet?: string;
}
export interface Registration {
  readonly setupCode?: string;
  readonly name: string;
  readonly displayName?: string;
  readonly password?: string;
  readonly wallet?: SignedMessage;
}
export interface MyChange {
  readonly displayName?: string | null;
  readonly password?: { readonly current?: string; readonly next: string };
}
export interface UserChange {
  readonly displayName?: string | null;
  readonly roles?: readonly UserRole[];
  readonly isDisabled?: boolean;
  readonly password?: string;
}

export interface UserService {
  register(registration: Registration): Promise<User>;
  create(user: NewUser): Promise<User>;
  get(userId: string): Promise<User>;
  list(page: PageRequest<string>): Promise<User[]>;
  /** @param from the address class the change comes from */
  updateMe(me: User, change: MyChange, from: string): Promise<User>;
  update(userId: string, change: UserChange): Promise<User>;
  delete(userId: string): Promise<void>;
  linkWallet(userId: string, signed: SignedMessage): Promise<User>;
  unlinkWallet(userId: string, address: string): Promise<User>;
}

export function createUserService(deps: UsersDeps): UserService {
  const { store } = deps;
  return {
    register: (registration) => register(deps, registration),
    create: (user) => create(deps, user),
    get: async (userId) => {
      const user = await store.findUser(userId);
      if (!user) throw apiError('USER_NOT_FOUND', `There is no user ${userId}.`);
      return user;
    },
    list: (page) => store.listUsers(page),
    updateMe: (me, change, from) => updateMe(deps, me, change, from),
    update: (userId, change) => update(deps, userId, change),
    delete: (userId) => store.deleteUser(userId),
    linkWallet: async (userId, signed) => {
      const address = await proveWallet(deps, signed, 'link-wallet');
      return await store.updateUser(userId, (user) => withWallet(user, address, deps.now()));
    },
    unlinkWallet: (userId, address) =>
      store.updateUser(userId, (user) => withoutWallet(user, getAddress(address.toLowerCase()), deps.now())),
  };
}

async function register(deps: UsersDeps, registration: Registration): Promise<User> {
  const { store } = deps;
  const { setupCode, name, displayName, password, wallet } = registration;
  const codeHash = setupCode === undefined ? undefined : hashSetupCode(setupCode);
  // Refusals come before the work that costs.
  if (codeHash !== undefined) {
    const expected = await store.findSetupCodeHash();
    if (expected === undefined || !isEqual(codeHash, expected)) throw wrongSetupCode();
  } else if (!deps.isRegistrationOpen || !(await store.hasUsers())) {
    throw apiError(
      'REGISTRATION_CLOSED',
      'Registration is closed: an admin creates users; the first one needs the setup code.',
    );
  }
  requireCredential(password, wallet);
  const address = wallet && (await proveWallet(deps, wallet, 'register'));
  const roles = codeHash === undefined ? registeredRoles : firstUserRoles;
  const user = await toUser(deps, {
    name,
    roles,
    ...(displayName === undefined ? {} : { displayName }),
    ...(password === undefined ? {} : { password }),
    ...(address === undefined ? {} : { wallet: address }),
  });
  if (codeHash === undefined) {
    await store.createUser(user);
  } else {
    await store.createFirstUser(user, codeHash);
    await deps.onSetupDone();
  }
  return user;
}

function wrongSetupCode(): Error {
  return apiError('SETUP_CODE_INVALID', 'The setup code is wrong, or the first user exists already.');
}

async function create(deps: UsersDeps, newUser: NewUser): Promise<User> {
  requireCredential(newUser.password, newUser.wallet);
  const user = await toUser(deps, newUser);
  await deps.store.createUser(user);
  return user;
}

function requireCredential(password: string | undefined, wallet: unknown): void {
  if (password === undefined && wallet === undefined) {
    throw apiError('USER_CREDENTIAL_MISSING', 'Give a password, a wallet, or both.');
  }
}

async function toUser({ passwords, now }: UsersDeps, newUser: NewUser): Promise<User> {
  const { name, displayName = null, roles, password, wallet } = newUser;
  if (password !== undefined) verifyPasswordFit(password, name);
  const passwordHash = password === undefined ? {} : { passwordHash: await passwords.hash(password) };
  const createdAt = now();
  return {
    userId: randomUUID(),
    name,
    displayName,
    roles: [...roles],
    wallets: wallet === undefined ? [] : [getAddress(wallet.toLowerCase())],
    ...passwordHash,
    isDisabled: false,
    createdAt,
    updatedAt: createdAt,
    signInsValidFrom: createdAt,
  };
}

async function updateMe(deps: UsersDeps, me: User, change: MyChange, from: string): Promise<User> {
  const { displayName, password } = change;
  // Whoever holds a stolen token must not be able to lock its owner out: the old password is asked for.
  if (password && me.passwordHash !== undefined) {
    await checkPassword(deps, { name: me.name, from }, password.current ?? '', me.passwordHash);
  }
  return await update(deps, me.userId, {
    ...(displayName === undefined ? {} : { displayName }),
    ...(password === undefined ? {} : { password: password.next }),
  });
}

async function update({ store, passwords, now }: UsersDeps, userId: string, change: UserChange): Promise<User> {
  const { password, ...plain } = change;
  const known = await store.findUser(userId);
  if (!known) throw apiError('USER_NOT_FOUND', `There is no user ${userId}.`);
  if (password !== undefined) verifyPasswordFit(password, known.name);
  const passwordHash = password === undefined ? {} : { passwordHash: await passwords.hash(password) };
  return await store.updateUser(userId, (user) => {
    const updatedAt = now();
    const endsSignIns = password !== undefined || change.isDisabled === true;
    // One of this very millisecond may have been made with what is changed.
    const signInsValidFrom = endsSignIns ? updatedAt + 1 : user.signInsValidFrom;
    return { ...user, ...plain, ...passwordHash, updatedAt, signInsValidFrom };
  });
}

function withWallet(user: User, address: string, updatedAt: number): User {
  if (user.wallets.includes(address)) return user;
  if (user.wallets.length >= walletsMax) {
    throw apiError('WALLET_LIMIT_REACHED', `A user has at most ${walletsMax} wallets.`);
  }
  return { ...user, wallets: [...user.wallets, address], updatedAt };
}

function withoutWallet(user: User, address: string, updatedAt: number): User {
  if (!user.wallets.includes(address))
    throw apiError('WALLET_NOT_FOUND', `The wallet ${address} is not linked to you.`);
  const wallets = user.wallets.filter((wallet) => wallet !== address);
  if (wallets.length === 0 && user.passwordHash === undefined) {
    throw apiError('USER_LAST_CREDENTIAL', 'This is your only way to sign in; set a password or link a wallet first.');
  }
  return { ...user, wallets, updatedAt };
}

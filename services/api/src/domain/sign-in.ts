import { randomUUID } from 'node:crypto';
import { apiError } from '../errors.ts';
import type { AccessTokens } from './access-tokens.ts';
import { type Challenges, isEqual, type SignedMessage, verifyWalletSignature } from './challenges.ts';
import { countAttempt, familiar, freeAttemptsOfStrangers, isFamiliar } from './lock-out.ts';
import type { Passwords } from './passwords.ts';
import { createRefreshToken, hashSecret, parseApiKey } from './secrets.ts';
import type { IdentityStore } from './stores.ts';
import type { SignIn, User, UserRole } from './types.ts';

export const refreshTokenLifeMs = 7 * 24 * 3_600_000;
/** What a token of somebody who signed in may do, and that of an API key may not: manage credentials. */
export const accountScope = 'account:manage';

export interface IssuedTokens {
  readonly accessToken: string;
  readonly expiresAt: number;
  readonly refreshToken?: { readonly token: string; readonly expiresAt: number };
  readonly subject: string;
  readonly roles: readonly UserRole[];
  readonly scopes: readonly string[];
}

export interface SignInDeps {
  readonly store: IdentityStore;
  readonly challenges: Challenges;
  readonly passwords: Passwords;
  readonly accessTokens: AccessTokens;
  readonly now: () => number;
}

/** The four ways to an access token. Each throws its own codes; see the operation `createToken`. */
export interface SignInService {
  byWallet(signed: SignedMessage): Promise<IssuedTokens>;
  /** @param from the address class the attempt comes from */
  byPassword(name: string, password: string, from: string): Promise<IssuedTokens>;
  byRefreshToken(refreshToken: string): Promise<IssuedTokens>;
  byApiKey(apiKey: string): Promise<IssuedTokens>;
  revoke(refreshToken: string): Promise<void>;
}

export function createSignInService(deps: SignInDeps): SignInService {
  const { store } = deps;
  return {
    byWallet: async (signed) => {
      const address = await proveWallet(deps, signed, 'sign-in');
      const user = await store.findUserByWallet(address);
      if (!user) throw apiError('AUTH_WALLET_UNKNOWN', `No user has the wallet ${address}.`);
      return await openSignIn(deps, user, address);
    },
    byPassword: async (name, password, from) => {
      const user = await store.findUserByName(name);
      await checkPassword(deps, { name, from }, password, user?.passwordHash);
      // Checking takes a while: a password that was changed meanwhile is a wrong one.
      const now = user && (await store.findUser(user.userId));
      if (!now || now.passwordHash !== user.passwordHash) throw apiError('AUTH_CREDENTIALS_WRONG', wrongCredentials);
      return await openSignIn(deps, now);
    },
    byRefreshToken: (refreshToken) => refresh(deps, refreshToken),
    byApiKey: (apiKey) => exchangeApiKey(deps, apiKey),
    revoke: (refreshToken) => store.revoke(hashSecret(refreshToken)),
  };
}

/**
 * Checks a signed challenge and spends its nonce, durably, before anything is given for it.
 * @returns the wallet's EIP-55 address
 */
export async function proveWallet(
  { store, challenges }: Pick<SignInDeps, 'store' | 'challenges'>,
  signed: SignedMessage,
  purpose: 'sign-in' | 'register' | 'link-wallet',
): Promise<string> {
  const { address, nonce, expiresAt } = challenges.check(signed.message, purpose);
  verifyWalletSignature(address, signed);
  await store.spendNonce(nonce, expiresAt);
  return address;
}

const wrongCredentials = 'There is no such user, or the password is not theirs.';

/** Who tries a password, and from which address class. */
export interface PasswordAttempt {
  readonly name: string;
  readonly from: string;
}

/**
 * Counts the attempt, durably, then compares, which takes as long without a hash as with one. Each address class has
 * its own count, and those a name was signed in from before have no other: strangers who guess close the name to
 * strangers, not to whoever it belongs to.
 * @throws AUTH_LOCKED_OUT, AUTH_CREDENTIALS_WRONG
 */
export async function checkPassword(
  { store, passwords, now }: Pick<SignInDeps, 'store' | 'passwords' | 'now'>,
  { name, from }: PasswordAttempt,
  password: string,
  passwordHash: string | undefined,
): Promise<void> {
  const [ofAddress, ofStrangers] = [hashSecret(`${name}\n${from}`), hashSecret(name)];
  let isKnownHere = false;
  await store.updateAttempts(ofAddress, (attempts) => {
    isKnownHere = isFamiliar(attempts, now());
    return countAttempt(attempts, now());
  });
  if (!isKnownHere) {
    await store.updateAttempts(ofStrangers, (attempts) => countAttempt(attempts, now(), freeAttemptsOfStrangers));
  }
  const isRight = await passwords.isPassword(password, passwordHash);
  if (!isRight) throw apiError('AUTH_CREDENTIALS_WRONG', wrongCredentials);
  await Promise.all([
    store.updateAttempts(ofAddress, () => familiar(now())),
    store.updateAttempts(ofStrangers, () => undefined),
  ]);
}

async function openSignIn(deps: SignInDeps, user: User, wallet?: string): Promise<IssuedTokens> {
  refuseDisabled(user);
  const createdAt = deps.now();
  const token = createRefreshToken();
  const expiresAt = createdAt + refreshTokenLifeMs;
  const signIn = {
    signInId: randomUUID(),
    userId: user.userId,
    createdAt,
    ...(wallet === undefined ? {} : { wallet }),
  };
  await deps.store.openSignIn(signIn, hashSecret(token), expiresAt);
  return await issue(deps, user, signIn, { token, expiresAt });
}

/** Whether a sign-in is still good for what it was: nothing its user did since has ended it. */
export function isStanding(signIn: SignIn, user: User): boolean {
  const hasWallet = signIn.wallet === undefined || user.wallets.includes(signIn.wallet);
  return signIn.userId === user.userId && hasWallet && signIn.createdAt >= user.signInsValidFrom;
}

async function refresh(deps: SignInDeps, refreshToken: string): Promise<IssuedTokens> {
  const { store, now } = deps;
  const next = { token: createRefreshToken(), expiresAt: now() + refreshTokenLifeMs };
  const tokenHash = hashSecret(refreshToken);
  const rotation = await store.rotate(tokenHash, { hash: hashSecret(next.token), expiresAt: next.expiresAt }, now());
  switch (rotation.kind) {
    case 'unknown':
      throw apiError('REFRESH_TOKEN_INVALID', 'The refresh token is unknown or revoked; sign in again.');
    case 'expired':
      throw apiError('REFRESH_TOKEN_EXPIRED', 'The refresh token has expired; sign in again.');
    case 'reused':
      throw apiError('REFRESH_TOKEN_REUSED', 'The refresh token was used before: its sign-in is revoked.');
    case 'rotated':
  }
  const { signIn } = rotation;
  const user = await store.findUser(signIn.userId);
  if (!user || user.isDisabled || !isStanding(signIn, user)) {
    await store.revoke(tokenHash);
    throw apiError('REFRESH_TOKEN_INVALID', 'The sign-in was ended; sign in again.');
  }
  return await issue(deps, user, signIn, next);
}

async function issue(
  { accessTokens }: SignInDeps,
  { userId, roles }: User,
  { signInId }: SignIn,
  refreshToken: { readonly token: string; readonly expiresAt: number },
): Promise<IssuedTokens> {
  const scopes = [accountScope];
  const { token, expiresAt } = await accessTokens.issue({ subject: userId, signInId, roles, scopes });
  return { accessToken: token, expiresAt, refreshToken, subject: userId, roles, scopes };
}

async function exchangeApiKey({ store, accessTokens, now }: SignInDeps, text: string): Promise<IssuedTokens> {
  const parsed = parseApiKey(text);
  const apiKey = parsed && (await store.findApiKey(parsed.apiKeyId));
  const isRight = isEqual(hashSecret(parsed?.secret ?? ''), apiKey?.secretHash ?? '0'.repeat(64));
  if (!apiKey || !isRight) throw apiError('API_KEY_INVALID', 'The API key is unknown, wrong or revoked.');
  if (apiKey.expiresAt !== null && apiKey.expiresAt <= now()) {
    throw apiError('API_KEY_EXPIRED', 'The API key has expired.');
  }
  const user = await store.findUser(apiKey.userId);
  if (!user) throw apiError('API_KEY_INVALID', 'The API key is unknown, wrong or revoked.');
  refuseDisabled(user);
  // A role its user lost is lost to the key as well.
  const roles = apiKey.roles.filter((role) => user.roles.includes(role));
  if (roles.length === 0) throw apiError('API_KEY_INVALID', 'The API key has none of the roles its user has.');
  const { scopes } = apiKey;
  const { token, expiresAt } = await accessTokens.issue({ subject: user.userId, roles, scopes });
  return { accessToken: token, expiresAt, subject: user.userId, roles, scopes };
}

/** @throws AUTH_USER_DISABLED */
export function refuseDisabled({ isDisabled }: User): void {
  if (isDisabled) throw apiError('AUTH_USER_DISABLED', 'The user is disabled; an admin can enable it.');
}

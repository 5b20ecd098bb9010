import type { ApiKey, Attempts, PageRequest, Policy, SignIn, User } from './types.ts';

/**
 * What every store here promises: a write is durable (it survives a power cut) when its promise resolves; each method
 * is atomic, so of two that race one sees the other's outcome; reads see every write that resolved before them.
 */
export interface UserStore {
  /** Resolves with whether any user exists. */
  hasUsers(): Promise<boolean>;
  /** @throws USER_NAME_TAKEN, WALLET_TAKEN: names and wallets are unique, whoever races. */
  createUser(user: User): Promise<void>;
  /**
   * As `createUser`, and takes the setup code with it: of all who hold the code one becomes the first user.
   * @throws SETUP_CODE_INVALID unless this is the stored hash; USER_NAME_TAKEN and WALLET_TAKEN leave it in place
   */
  createFirstUser(user: User, setupCodeHash: string): Promise<void>;
  /**
   * Replaces a user by what `change` makes of it; what `change` throws is thrown and nothing written.
   * @throws USER_NOT_FOUND, WALLET_TAKEN, USER_LAST_ADMIN when no enabled admin would be left
   */
  updateUser(userId: string, change: (user: User) => User): Promise<User>;
  /** Takes the user, their API keys and their names. @throws USER_NOT_FOUND, USER_LAST_ADMIN */
  deleteUser(userId: string): Promise<void>;
  findUser(userId: string): Promise<User | undefined>;
  findUserByName(name: string): Promise<User | undefined>;
  /** @param address in any case */
  findUserByWallet(address: string): Promise<User | undefined>;
  /** By name; `after` is a name. */
  listUsers(page: PageRequest<string>): Promise<User[]>;
  /** The hash of the code that makes the first user; undefined when there is none (any more). */
  findSetupCodeHash(): Promise<string | undefined>;
  putSetupCodeHash(hash: string): Promise<void>;
}

/** What came of using a refresh token. */
export type Rotation =
  | { readonly kind: 'rotated'; readonly signIn: SignIn }
  /** It was used before; its whole sign-in is now revoked. */
  | { readonly kind: 'reused'; readonly signIn: SignIn }
  | { readonly kind: 'unknown' | 'expired' };

/** Hashes are SHA-256 in hex of what the client holds; nothing here could sign anybody in. */
export interface SignInStore {
  /** Marks a challenge's nonce as used. @throws AUTH_CHALLENGE_REUSED when it was, whoever races */
  spendNonce(nonce: string, expiresAt: number): Promise<void>;
  openSignIn(signIn: SignIn, tokenHash: string, expiresAt: number): Promise<void>;
  /** Undefined once it was revoked. */
  findSignIn(signInId: string): Promise<SignIn | undefined>;
  /** Spends one refresh token and puts the next in its place, or revokes the sign-in of one that was spent. */
  rotate(tokenHash: string, next: { hash: string; expiresAt: number }, now: number): Promise<Rotation>;
  /** Ends the sign-in of this token; nothing when there is none. */
  revoke(tokenHash: string): Promise<void>;
  /** Replaces the attempts under a key; what `change` throws is thrown and nothing written. */
  updateAttempts(keyHash: string, change: (attempts: Attempts | undefined) => Attempts | undefined): Promise<void>;
  /** Forgets nonces, tokens and attempts that can matter no more; answers how many. */
  purge(now: number): Promise<number>;
}

export interface ApiKeyStore {
  /** @throws API_KEY_LIMIT_REACHED when the user has `keysMax` already */
  createApiKey(apiKey: ApiKey, keysMax: number): Promise<void>;
  findApiKey(apiKeyId: string): Promise<ApiKey | undefined>;
  /** In the order they were made; `after` is the last one's time and id. */
  listApiKeys(userId: string, page: PageRequest<readonly [createdAt: number, apiKeyId: string]>): Promise<ApiKey[]>;
  /** Idempotent. */
  deleteApiKey(apiKey: ApiKey): Promise<void>;
}

export interface PolicyStore {
  /**
   * Publishes the next version of a policy. The same policy again answers what is stored.
   * @throws POLICY_VERSION_CONFLICT unless the version follows the last of this policy and the owner is the same
   */
  createPolicy(policy: Policy): Promise<Policy>;
  findPolicy(policyHash: string): Promise<Policy | undefined>;
  /** By policy id and version, one policy only where an id is given; `after` is the last one's id and version. */
  listPolicies(
    userId: string,
    policyId: string | undefined,
    page: PageRequest<readonly [policyId: string, version: number]>,
  ): Promise<Policy[]>;
}

export type IdentityStore = UserStore & SignInStore & ApiKeyStore & PolicyStore;

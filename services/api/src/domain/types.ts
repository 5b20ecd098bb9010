import type { SessionPolicyDocument, userRoles } from '@lucid/common/apis/identity-schemas';

/** A role a person may have; `service` is for services alone. */
export type UserRole = (typeof userRoles)[number];

/** Times are milliseconds since 1970. */
export interface User {
  readonly userId: string;
  readonly name: string;
  readonly displayName: string | null;
  readonly roles: readonly UserRole[];
  /** EIP-55 addresses, in the order they were linked. */
  readonly wallets: readonly string[];
  /** PHC string of argon2id. */
  readonly passwordHash?: string;
  readonly isDisabled: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Sign-ins made before this are over. */
  readonly signInsValidFrom: number;
}

/** One sign-in: the tokens that descend from it stand and fall together. */
export interface SignIn {
  readonly signInId: string;
  readonly userId: string;
  /** When the credential was last seen to be the user's. */
  readonly createdAt: number;
  /** The wallet it was made with; it ends when that wallet is the user's no more. */
  readonly wallet?: string;
}

/** Failed passwords for one name, from everywhere or from one address class. */
export interface Attempts {
  /** Attempts since the last success, those under way included. */
  readonly count: number;
  readonly lastAt: number;
  /** No attempt is taken before this. */
  readonly blockedUntil: number;
  /** Until then this address class is one the name was signed in from. */
  readonly familiarUntil?: number;
}

export interface ApiKey {
  readonly apiKeyId: string;
  readonly userId: string;
  readonly name: string;
  readonly roles: readonly UserRole[];
  readonly scopes: readonly string[];
  /** SHA-256 of the secret part, hex. */
  readonly secretHash: string;
  readonly createdAt: number;
  readonly expiresAt: number | null;
}

export interface Policy {
  /** SHA-256 of the canonical JSON, hex. */
  readonly policyHash: string;
  readonly policy: SessionPolicyDocument;
  readonly signature: string;
  readonly createdAt: number;
}

export interface PageRequest<Cursor> {
  readonly limit: number;
  /** The last item of the page before. */
  readonly after: Cursor | undefined;
}

import type { Access, Role } from '../apis/api.ts';

/** Who a verified token speaks for. */
export interface Identity {
  /** User id, or the name of a service. */
  readonly subject: string;
  readonly roles: readonly Role[];
  readonly scopes: readonly string[];
  /** The token's own id (`jti`). */
  readonly tokenId: string;
  /** Unix time in milliseconds. */
  readonly expiresAt: number;
}

/**
 * Verifies a bearer token; one that was verified shortly before is answered at once. Rejects with AUTH_* AppErrors, and
 * with DEPENDENCY_UNAVAILABLE for a token it could not check.
 */
export type VerifyToken = (token: string) => Promise<Identity> | Identity;

export function hasRole(identity: Identity, ...roles: readonly Role[]): boolean {
  return roles.some((role) => identity.roles.includes(role));
}

/** Whether the access rule admits the identity: roles are exact, none contains another. */
export function isAdmitted(access: Access, identity: Identity): boolean {
  if (access === 'public' || access === 'authenticated') return true;
  return hasRole(identity, ...access.roles);
}

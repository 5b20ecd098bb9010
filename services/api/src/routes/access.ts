import { hasRole, type Identity } from '@lucid/common/http/identity';
import { accountScope } from '../domain/sign-in.ts';
import { apiError } from '../errors.ts';

/** Credentials are managed by people who signed in: a leaked API key must not be able to make itself at home. */
export function requireSignedIn({ scopes }: Identity): void {
  if (scopes.includes(accountScope)) return;
  throw apiError('AUTH_SCOPE_MISSING', 'Sign in with a wallet or a password for this; an API key does not do.');
}

/** @throws OBJECT_OF_ANOTHER_USER unless the object is the caller's or one of the roles may see everybody's */
export function requireOwner(identity: Identity, userId: string, ...roles: Parameters<typeof hasRole>[1][]): void {
  if (identity.subject === userId || hasRole(identity, ...roles)) return;
  throw apiError('OBJECT_OF_ANOTHER_USER', 'This belongs to another user.');
}

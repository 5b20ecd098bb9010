import { commonError } from '@lucid/common/apis/error-factory';
import { hasRole, type Identity } from '@lucid/common/http/identity';
import { apiError } from '../errors.ts';
import { signInIdOf } from './access-tokens.ts';
import { accountScope, isStanding, refuseDisabled } from './sign-in.ts';
import type { SignInStore, UserStore } from './stores.ts';
import type { User, UserRole } from './types.ts';

/**
 * Who calls, as the store has them now. A token lives 15 minutes and says what was true when it was made; elsewhere
 * that has to do, but here, where users and credentials are managed, nobody may act by what they have lost.
 */
export interface Callers {
  /** The caller's own user. @throws AUTH_USER_DISABLED also once deleted; AUTH_SIGN_IN_ENDED */
  getCaller(identity: Identity): Promise<User>;
  /** As `getCaller`, who signed in: a leaked API key must not make itself at home. @throws AUTH_SCOPE_MISSING */
  getSignedIn(identity: Identity): Promise<User>;
  /** An admin who signed in. @throws as `getSignedIn`, and AUTH_ROLE_MISSING */
  getAdmin(identity: Identity): Promise<User>;
  /** @throws as `getCaller`, and AUTH_ROLE_MISSING unless the token carries one of the roles and its user still has it */
  verifyRole(identity: Identity, ...roles: readonly UserRole[]): Promise<void>;
  /** @throws OBJECT_OF_ANOTHER_USER unless the object is the caller's, or a role they have now sees everybody's */
  verifyMaySee(identity: Identity, userId: string, ...roles: readonly UserRole[]): Promise<void>;
}

export function createCallers(store: Pick<UserStore & SignInStore, 'findUser' | 'findSignIn'>): Callers {
  const getCaller = async ({ subject, scopes, tokenId }: Identity): Promise<User> => {
    const user = await store.findUser(subject);
    if (!user) throw apiError('AUTH_USER_DISABLED', 'The user this token was given to is deleted.');
    refuseDisabled(user);
    const signInId = signInIdOf(tokenId);
    if (signInId === undefined && !scopes.includes(accountScope)) return user;
    const signIn = signInId === undefined ? undefined : await store.findSignIn(signInId);
    if (signIn && isStanding(signIn, user)) return user;
    throw apiError('AUTH_SIGN_IN_ENDED', 'The sign-in this token comes from was ended; sign in again.');
  };
  const getSignedIn = async (identity: Identity): Promise<User> => {
    if (identity.scopes.includes(accountScope)) return await getCaller(identity);
    throw apiError('AUTH_SCOPE_MISSING', 'Sign in with a wallet or a password for this; an API key does not do.');
  };
  const lostRole = () => commonError('AUTH_ROLE_MISSING', 'You have lost the role this operation needs.');
  return {
    getCaller,
    getSignedIn,
    getAdmin: async (identity) => {
      const user = await getSignedIn(identity);
      if (isStill(identity, user, ['admin'])) return user;
      throw lostRole();
    },
    verifyRole: async (identity, ...roles) => {
      if (!isStill(identity, await getCaller(identity), roles)) throw lostRole();
    },
    verifyMaySee: async (identity, userId, ...roles) => {
      if (hasRole(identity, 'service')) return;
      const user = await getCaller(identity);
      if (user.userId === userId || isStill(identity, user, roles)) return;
      throw apiError('OBJECT_OF_ANOTHER_USER', 'This belongs to another user.');
    },
  };
}

/** Whether the token carries one of the roles and its user still has it. */
function isStill(identity: Identity, user: User, roles: readonly UserRole[]): boolean {
  return roles.some((role) => hasRole(identity, role) && user.roles.includes(role));
}

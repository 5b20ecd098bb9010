import type { Access } from '../apis/api.ts';
import { commonError } from '../apis/error-factory.ts';
import { type Identity, isAdmitted, type VerifyToken } from './identity.ts';

/** What a connection's last token was found to be. */
interface Caller {
  readonly authorization: string;
  readonly identity: Identity;
  readonly at: number;
}

/** For so long a connection that sends the same header again is believed without another look, ms. */
const callerMs = 1000;

/**
 * Finds who sends a request: undefined without an Authorization header, or where the service takes no tokens. A
 * connection's last caller is remembered for a second, at most until the token ends. Throws or rejects with AUTH_*.
 */
export type Identify = (
  connection: object,
  authorization: string | undefined,
) => Promise<Identity> | Identity | undefined;

export function createIdentify(verifyToken: VerifyToken | undefined): Identify {
  const callers = new WeakMap<object, Caller>();
  return (connection, authorization) => {
    if (authorization === undefined) return undefined;
    const now = Date.now();
    const known = callers.get(connection);
    if (known?.authorization === authorization && now >= known.at && now - known.at < callerMs) {
      if (now < known.identity.expiresAt) return known.identity;
    }
    const identity = verifyToken?.(bearerToken(authorization));
    if (identity && !(identity instanceof Promise)) callers.set(connection, { authorization, identity, at: now });
    return identity;
  };
}

/** @throws AUTH_TOKEN_MISSING, or AUTH_TOKEN_INVALID where no token can be verified */
export function requirePublic(access: Access, authorization: string | undefined): void {
  if (access === 'public') return;
  if (authorization !== undefined) throw commonError('AUTH_TOKEN_INVALID', 'This service takes no tokens.');
  throw commonError('AUTH_TOKEN_MISSING', 'Send an access token as `Authorization: Bearer …`.');
}

/** @throws AUTH_ROLE_MISSING */
export function requireRole(access: Access, identity: Identity): void {
  if (isAdmitted(access, identity)) return;
  const roles = typeof access === 'object' ? access.roles.join(', ') : '';
  throw commonError('AUTH_ROLE_MISSING', `This operation needs one of the roles: ${roles}.`);
}

/** @throws AUTH_TOKEN_INVALID when the Authorization header is not a bearer token (RFC 6750 §2.1) */
export function bearerToken(header: string): string {
  const match = header.length > 8192 ? null : /^Bearer ([A-Za-z0-9\-._~+/]+=*)$/i.exec(header);
  if (match?.[1] !== undefined) return match[1];
  throw commonError('AUTH_TOKEN_INVALID', 'The Authorization header is not `Bearer <token>`.');
}

import { createPrivateKey, createPublicKey, hash, type KeyObject, randomUUID } from 'node:crypto';
import { decodeJwt, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify, SignJWT } from 'jose';
import type { Role } from '../apis/api.ts';
import { commonError } from '../apis/error-factory.ts';
import { AppError } from '../errors.ts';
import type { Identity, VerifyToken } from './identity.ts';
import { createKeySet } from './key-set.ts';

/** Audience of the tokens people carry. */
export const userAudience = 'lucid';
/** Issuer of the tokens services carry. */
export const serviceIssuer = 'lucid-services';

const serviceTokenLifeSec = 60;
const renewAfterMs = (serviceTokenLifeSec / 2) * 1000;
const clockToleranceSec = 5;
/** The one algorithm accepted (RFC 8725 §3.1). */
const algorithms = ['EdDSA'];
const knownRoles: readonly Role[] = ['user', 'recorder', 'auditor', 'operator', 'admin', 'service'];

/** The key every service of one platform shares: signs and verifies calls between them. */
export interface ServiceKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** Reads the service key from PKCS#8 PEM. Throws SERVICE_KEY_INVALID unless it is an Ed25519 private key. */
export function parseServiceKey(pem: string): ServiceKey {
  try {
    const privateKey = createPrivateKey(pem);
    if (privateKey.asymmetricKeyType === 'ed25519') return { privateKey, publicKey: createPublicKey(privateKey) };
  } catch (cause) {
    throw new AppError('SERVICE_KEY_INVALID', 'The service key is not a PKCS#8 PEM file.', { cause });
  }
  throw new AppError('SERVICE_KEY_INVALID', 'The service key is not an Ed25519 key.');
}

/** Gives a token for calls from `service` to `audience`; one is kept until shortly before it ends. */
export type IssueServiceToken = (audience: string) => Promise<string>;

export function createServiceTokenIssuer(key: ServiceKey, service: string): IssueServiceToken {
  const held = new Map<string, { token: string; issuedAt: number }>();
  return async (audience) => {
    const now = Date.now();
    const current = held.get(audience);
    // A clock that was set back makes a token of the future, which nobody takes.
    if (current && now >= current.issuedAt && now - current.issuedAt < renewAfterMs) return current.token;
    const token = await new SignJWT({ role: ['service'] })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT' })
      .setIssuer(serviceIssuer)
      .setSubject(service)
      .setAudience(audience)
      .setJti(randomUUID())
      .setIssuedAt()
      .setExpirationTime(`${serviceTokenLifeSec}s`)
      .sign(key.privateKey);
    held.set(audience, { token, issuedAt: now });
    return token;
  };
}

export interface TokenVerifierOptions {
  /** The service that verifies: the audience a service token must name. */
  readonly service: string;
  /** `iss` of people's tokens. */
  readonly issuer: string;
  /** Where people's tokens' keys are: api's JWKS address, or a function that finds a key. */
  readonly userKeys: URL | JWTVerifyGetKey;
  /** Verifies the tokens of services; without it every one of them is refused. */
  readonly serviceKey?: KeyObject;
}

const verifiedTokensMax = 10_000;
/** A verified token is looked at again after this long, so that a key taken out of the set is not trusted on. */
const verifiedMs = 60_000;

/**
 * Makes the check every service does itself (RFC 8725): one algorithm, exact issuer and audience, required claims.
 * A verified token is remembered by its SHA-256 for a minute, at most until it ends, so a repeated one costs a hash
 * and a look-up.
 */
export function createTokenVerifier(options: TokenVerifierOptions): VerifyToken {
  const userKeys = options.userKeys instanceof URL ? createKeySet(options.userKeys) : options.userKeys;
  const verified = new Map<string, { readonly identity: Identity; readonly from: number; readonly until: number }>();
  const verifyAndKeep = async (token: string, digest: string): Promise<Identity> => {
    const identity = await verifyAnew(token, options, userKeys);
    const now = Date.now();
    if (verified.size >= verifiedTokensMax) verified.delete(verified.keys().next().value as string);
    verified.set(digest, { identity, from: now, until: Math.min(identity.expiresAt, now + verifiedMs) });
    return identity;
  };
  return (token) => {
    const digest = hash('sha256', token, 'base64');
    const known = verified.get(digest);
    const now = Date.now();
    if (known && known.from <= now && now < known.until) return known.identity;
    verified.delete(digest);
    return verifyAndKeep(token, digest);
  };
}

async function verifyAnew(token: string, options: TokenVerifierOptions, userKeys: JWTVerifyGetKey): Promise<Identity> {
  const required = { algorithms, requiredClaims: ['sub', 'exp', 'iat', 'jti'], clockTolerance: clockToleranceSec };
  try {
    // The unverified issuer only picks which key must verify; each key is bound to its own issuer and audience.
    if (decodeJwt(token).iss === serviceIssuer) {
      if (!options.serviceKey) throw commonError('AUTH_TOKEN_INVALID', 'This service takes no tokens of services.');
      const { payload } = await jwtVerify(token, options.serviceKey, {
        ...required,
        issuer: serviceIssuer,
        audience: options.service,
        maxTokenAge: serviceTokenLifeSec,
      });
      return toIdentity(payload, true);
    }
    const { payload } = await jwtVerify(token, userKeys, {
      ...required,
      issuer: options.issuer,
      audience: userAudience,
    });
    return toIdentity(payload, false);
  } catch (error) {
    throw toAuthError(error);
  }
}

function toIdentity(payload: JWTPayload, isService: boolean): Identity {
  const claimed = Array.isArray(payload['role']) ? payload['role'] : [payload['role']];
  // Only the service key may make services: a person's token that claims the role is refused, not trimmed.
  const roles = knownRoles.filter((role) => claimed.includes(role));
  if (roles.includes('service') !== isService || roles.length !== claimed.length) {
    throw commonError('AUTH_TOKEN_INVALID', 'The token claims a role its issuer cannot give.');
  }
  return {
    subject: payload.sub ?? '',
    roles,
    scopes: typeof payload['scope'] === 'string' ? payload['scope'].split(' ').filter(Boolean) : [],
    tokenId: payload.jti ?? '',
    expiresAt: (payload.exp ?? 0) * 1000,
  };
}

function toAuthError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof errors.JWTExpired) {
    return commonError('AUTH_TOKEN_EXPIRED', 'The access token has expired; refresh it.', { cause: error });
  }
  if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'aud') {
    return commonError('AUTH_AUDIENCE_WRONG', 'The access token is meant for another service.', { cause: error });
  }
  if (error instanceof errors.JOSEError) {
    return commonError('AUTH_TOKEN_INVALID', 'The access token is not valid.', { cause: error });
  }
  return commonError('DEPENDENCY_UNAVAILABLE', 'The access token cannot be verified now; try again.', {
    cause: error,
    retryAfterSec: 2,
    data: { dependency: 'api' },
  });
}

import { createHash, createPrivateKey, createPublicKey, type KeyObject, randomUUID } from 'node:crypto';
import { AppError } from '@lucid/common/errors';
import { userAudience } from '@lucid/common/http/tokens';
import { SignJWT } from 'jose';
import type { UserRole } from './types.ts';

export const accessTokenLifeMs = 15 * 60_000;

/** A public key of the set at `/.well-known/jwks.json` (RFC 8037). */
export interface Jwk {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
  readonly kid: string;
  readonly alg: 'EdDSA';
  readonly use: 'sig';
}

export interface Grant {
  readonly subject: string;
  /** The sign-in the token comes from; an API key's token has none. */
  readonly signInId?: string;
  readonly roles: readonly UserRole[];
  readonly scopes: readonly string[];
}

export interface AccessTokens {
  /** The signing key's public half first, then the one before it. */
  readonly jwks: { readonly keys: readonly Jwk[] };
  issue(grant: Grant): Promise<{ token: string; expiresAt: number }>;
}

export interface AccessTokenOptions {
  readonly issuer: string;
  readonly signingKey: KeyObject;
  /** Tokens it signed are still taken while they live. */
  readonly previousKey: KeyObject | undefined;
  readonly now: () => number;
}

/** Reads an Ed25519 private key from PKCS#8 PEM. @throws SIGNING_KEY_INVALID */
export function parseSigningKey(pem: string, name: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch (cause) {
    throw new AppError('SIGNING_KEY_INVALID', `${name} is not a PKCS#8 PEM private key.`, { cause });
  }
  throw new AppError('SIGNING_KEY_INVALID', `${name} is not an Ed25519 key.`);
}

/** Issues access tokens: JWT (RFC 7519), EdDSA, 15 minutes. */
export function createAccessTokens(options: AccessTokenOptions): AccessTokens {
  const { issuer, signingKey, previousKey, now } = options;
  const current = toJwk(signingKey);
  return {
    jwks: { keys: [current, ...(previousKey ? [toJwk(previousKey)] : [])] },
    issue: async ({ subject, signInId, roles, scopes }) => {
      const issuedAtSec = Math.floor(now() / 1000);
      const expiresAtSec = issuedAtSec + accessTokenLifeMs / 1000;
      const token = await new SignJWT({ role: roles, scope: scopes.join(' ') })
        .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', kid: current.kid })
        .setIssuer(issuer)
        .setSubject(subject)
        .setAudience(userAudience)
        .setJti(signInId === undefined ? randomUUID() : `${signInId}.${randomUUID()}`)
        .setIssuedAt(issuedAtSec)
        .setExpirationTime(expiresAtSec)
        .sign(signingKey);
      return { token, expiresAt: expiresAtSec * 1000 };
    },
  };
}

/** The sign-in a token comes from, by its `jti`; undefined for the token of an API key. */
export function signInIdOf(tokenId: string): string | undefined {
  const end = tokenId.indexOf('.');
  return end === -1 ? undefined : tokenId.slice(0, end);
}

function toJwk(privateKey: KeyObject): Jwk {
  const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  // RFC 7638: the required members, in this order.
  const kid = createHash('sha256').update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest('base64url');
  return { kty: 'OKP', crv: 'Ed25519', x, kid, alg: 'EdDSA', use: 'sig' };
}

import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Role } from '@lucid/common/apis/api';
import { serviceIssuer, userAudience } from '@lucid/common/http/tokens';
import type { Platform } from '@lucid/platform/platform';
import { SignJWT } from 'jose';

interface TokenOptions {
  readonly subject?: string;
  readonly roles?: readonly Role[];
  readonly scopes?: readonly string[];
  readonly audience?: string;
  readonly issuer?: string;
  /** Seconds from now; negative for one that has ended. */
  readonly lifeSec?: number;
  /** Signed by a key nobody knows. */
  readonly isForged?: boolean;
}

/** Tokens as a running platform's own keys sign them. */
export interface PlatformTokens {
  /** As api issues them to people. */
  readonly user: (options?: TokenOptions) => Promise<string>;
  /** As services issue them to each other. */
  readonly service: (audience: string, options?: TokenOptions) => Promise<string>;
}

export async function readPlatformTokens(keys: Platform['keys'], issuer: string): Promise<PlatformTokens> {
  const [apiKey, serviceKey] = await Promise.all(
    [keys.files.apiSigningKey, keys.files.serviceKey].map(async (path) => createPrivateKey(await readFile(path))),
  );
  const stranger = generateKeyPairSync('ed25519').privateKey;
  const { x = '' } = createPublicKey(apiKey ?? stranger).export({ format: 'jwk' });
  // RFC 7638, as in the JWKS.
  const kid = createHash('sha256').update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest('base64url');
  const sign = async (key: typeof apiKey, header: object, options: Required<Omit<TokenOptions, 'isForged'>>) => {
    const now = Math.floor(Date.now() / 1000);
    return await new SignJWT({ role: options.roles, scope: options.scopes.join(' ') })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', ...header })
      .setIssuer(options.issuer)
      .setSubject(options.subject)
      .setAudience(options.audience)
      .setJti(randomUUID())
      .setIssuedAt(Math.min(now, now + options.lifeSec - 1))
      .setExpirationTime(now + options.lifeSec)
      .sign(key ?? stranger);
  };
  const defaults = { subject: randomUUID(), roles: ['user'] as const, scopes: ['account:manage'], lifeSec: 900 };
  return {
    user: ({ isForged, ...options } = {}) =>
      sign(isForged ? stranger : apiKey, { kid }, { ...defaults, issuer, audience: userAudience, ...options }),
    service: (audience, { isForged, ...options } = {}) =>
      sign(
        isForged ? stranger : serviceKey,
        {},
        {
          ...defaults,
          subject: 'sessions',
          roles: ['service'],
          scopes: [],
          lifeSec: 60,
          issuer: serviceIssuer,
          audience,
          ...options,
        },
      ),
  };
}

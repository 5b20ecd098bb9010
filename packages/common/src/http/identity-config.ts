import type { Secret } from '../runtime/config.ts';
import type { VerifyToken } from './identity.ts';
import { createServiceTokenIssuer, createTokenVerifier, type IssueServiceToken, parseServiceKey } from './tokens.ts';

/** Variables of every service that verifies tokens or calls another service. Spread them into its schema. */
export const identityVariables = {
  tokenIssuer: {
    name: 'TOKEN_ISSUER',
    type: 'string',
    default: 'http://127.0.0.1:8083',
    doc: "`iss` of people's access tokens: api's public address",
  },
  jwksUrl: {
    name: 'API_JWKS_URL',
    type: 'url',
    default: 'http://127.0.0.1:8083/.well-known/jwks.json',
    doc: "Where api publishes the keys that verify people's access tokens",
  },
  serviceKey: {
    name: 'SERVICE_KEY_FILE',
    type: 'secretFile',
    doc: 'Ed25519 private key (PKCS#8 PEM) the services of one platform share for calls between them',
  },
} as const;

export interface IdentityConfig {
  readonly tokenIssuer: string;
  readonly jwksUrl: string;
  readonly serviceKey: Secret;
}

/**
 * The two halves of a service's identity: how it checks callers, and how it signs its own calls.
 * @throws SERVICE_KEY_INVALID
 */
export function createIdentity(
  service: string,
  config: IdentityConfig,
): { readonly verifyToken: VerifyToken; readonly issueToken: IssueServiceToken } {
  const key = parseServiceKey(config.serviceKey.reveal());
  return {
    verifyToken: createTokenVerifier({
      service,
      issuer: config.tokenIssuer,
      userKeys: new URL(config.jwksUrl),
      serviceKey: key.publicKey,
    }),
    issueToken: createServiceTokenIssuer(key, service),
  };
}

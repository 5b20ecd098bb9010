import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Role } from '@lucid/common/apis/api';
import type { VerifyToken } from '@lucid/common/http/identity';
import {
  createServiceTokenIssuer,
  createTokenVerifier,
  type IssueServiceToken,
  type ServiceKey,
  userAudience,
} from '@lucid/common/http/tokens';
import { exportJWK, SignJWT } from 'jose';

export interface UserTokenOptions {
  readonly subject?: string;
  readonly roles?: readonly Role[];
  readonly audience?: string;
  readonly issuer?: string;
  /** Seconds from now; negative for an expired token. */
  readonly lifeSec?: number;
  readonly key?: KeyObject;
}

/** Real keys and tokens for a test: what api issues to people, and what services issue to each other. */
export interface TestIdentity {
  readonly issuer: string;
  readonly serviceKey: ServiceKey;
  readonly verifier: (service: string) => VerifyToken;
  readonly userToken: (options?: UserTokenOptions) => Promise<string>;
  readonly serviceToken: (from: string, audience: string) => Promise<string>;
  readonly issuerFor: (service: string) => IssueServiceToken;
  /** Publishes the keys of people's tokens, as api does at /.well-known/jwks.json. */
  readonly serveJwks: () => Promise<JwksServer>;
}

export interface JwksServer extends AsyncDisposable {
  readonly url: string;
}

export function createTestIdentity(issuer = 'http://127.0.0.1:8083'): TestIdentity {
  const users = generateKeyPairSync('ed25519');
  const serviceKey = generateKeyPairSync('ed25519');
  const sign = async (options: UserTokenOptions = {}) => {
    const now = Math.floor(Date.now() / 1000);
    const lifeSec = options.lifeSec ?? 900;
    return await new SignJWT({ role: options.roles ?? ['user'] })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', kid: 'test' })
      .setIssuer(options.issuer ?? issuer)
      .setSubject(options.subject ?? 'user-1')
      .setAudience(options.audience ?? userAudience)
      .setJti(randomUUID())
      .setIssuedAt(Math.min(now, now + lifeSec - 1))
      .setExpirationTime(now + lifeSec)
      .sign(options.key ?? users.privateKey);
  };
  return {
    issuer,
    serviceKey,
    verifier: (service) =>
      createTokenVerifier({ service, issuer, userKeys: async () => users.publicKey, serviceKey: serviceKey.publicKey }),
    userToken: sign,
    serviceToken: (from, audience) => createServiceTokenIssuer(serviceKey, from)(audience),
    issuerFor: (service) => createServiceTokenIssuer(serviceKey, service),
    serveJwks: async () => await serveJwks(users.publicKey),
  };
}

async function serveJwks(publicKey: KeyObject): Promise<JwksServer> {
  const keys = [{ ...(await exportJWK(publicKey)), kid: 'test', alg: 'EdDSA', use: 'sig' }];
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/.well-known/jwks.json`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

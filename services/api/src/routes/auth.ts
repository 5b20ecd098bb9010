import { identityApi } from '@lucid/common/apis/identity';
import type { TokenRequestBody } from '@lucid/common/apis/identity-schemas';
import { implement } from '@lucid/common/http/implement';
import { getAddress } from 'ethers';
import type { FastifyInstance } from 'fastify';
import type { AccessTokens } from '../domain/access-tokens.ts';
import type { Challenges } from '../domain/challenges.ts';
import type { IssuedTokens, SignInService } from '../domain/sign-in.ts';
import type { Throttle } from './throttle.ts';
import { formatTimestamp, toTokensView } from './views.ts';

export interface AuthDeps {
  readonly challenges: Challenges;
  readonly signIn: SignInService;
  readonly accessTokens: AccessTokens;
  readonly throttle: Throttle;
}

/** Challenges, tokens, and the keys that verify them. */
export async function authRoutes(app: FastifyInstance, { challenges, signIn, accessTokens, throttle }: AuthDeps) {
  await implement(app, identityApi, {
    createChallenge: ({ body, request }) => {
      throttle(request);
      const challenge = challenges.issue(getAddress(body.address.toLowerCase()), body.purpose ?? 'sign-in');
      return { ...challenge, expiresAt: formatTimestamp(challenge.expiresAt) };
    },
    createToken: async ({ body, request, reply }) => {
      const from = throttle(request);
      reply.header('cache-control', 'no-store');
      return toTokensView(await grant(signIn, body, from));
    },
    revokeToken: async ({ body, request }) => {
      throttle(request);
      await signIn.revoke(body.refreshToken);
      return undefined;
    },
    getJwks: ({ reply }) => {
      reply.header('cache-control', 'public, max-age=300');
      return { keys: [...accessTokens.jwks.keys] };
    },
  });
}

function grant(signIn: SignInService, body: TokenRequestBody, from: string): Promise<IssuedTokens> {
  switch (body.grantType) {
    case 'wallet':
      return signIn.byWallet(body);
    case 'password':
      return signIn.byPassword(body.name, body.password, from);
    case 'refresh_token':
      return signIn.byRefreshToken(body.refreshToken);
    case 'api_key':
      return signIn.byApiKey(body.apiKey);
  }
}

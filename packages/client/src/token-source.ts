import type { TokenRequestBody, Tokens as TokensSchema } from '@lucid/common/apis/identity-schemas';
import { isAppError } from '@lucid/common/errors';
import type { Static } from 'typebox';
import type { IdentityClient } from './lucid-client.ts';

export type Tokens = Static<typeof TokensSchema>;

export interface TokenSourceOptions {
  /** A client without a token of its own. */
  readonly identity: Pick<IdentityClient, 'createToken'>;
  /** Tokens from an earlier sign-in. */
  readonly tokens?: Tokens;
  /** How to sign in anew where there is no refresh token, such as an API key. */
  readonly grant?: TokenRequestBody;
  /**
   * Told of new tokens before they are used. A refresh token is single use: whoever stores tokens must have the
   * successor on the disk before the call that needs it goes out.
   */
  readonly onTokens?: (tokens: Tokens) => Promise<void> | void;
  /** Milliseconds since 1970. */
  readonly clock?: () => number;
}

/** A token that ends within this time is renewed first, ms. */
const RENEW_BEFORE_MS = 60_000;

/**
 * Gives a valid access token at every call, renewing it when it is about to end; calls at once share one renewal.
 * Rejects with the API's error when the sign-in is over; `undefined` where nobody is signed in.
 */
export function createTokenSource(options: TokenSourceOptions): () => Promise<string | undefined> {
  const { identity, grant, onTokens, clock = Date.now } = options;
  let tokens = options.tokens;
  let renewal: Promise<string | undefined> | undefined;

  const renew = async (): Promise<string | undefined> => {
    const request = renewalOf(tokens, grant);
    if (request === undefined) return tokens?.accessToken;
    try {
      const renewed = await identity.createToken({ body: request });
      await onTokens?.(renewed);
      tokens = renewed;
    } catch (error) {
      const isPassing = isAppError(error) && error.status >= 500;
      if (tokens === undefined || !isPassing || Date.parse(tokens.expiresAt) <= clock()) throw error;
    }
    return tokens.accessToken;
  };

  return () => {
    if (tokens !== undefined && Date.parse(tokens.expiresAt) - clock() > RENEW_BEFORE_MS) {
      return Promise.resolve(tokens.accessToken);
    }
    renewal ??= renew().finally(() => {
      renewal = undefined;
    });
    return renewal;
  };
}

function renewalOf(tokens: Tokens | undefined, grant: TokenRequestBody | undefined): TokenRequestBody | undefined {
  if (tokens?.refreshToken === undefined) return grant;
  return { grantType: 'refresh_token', refreshToken: tokens.refreshToken };
}

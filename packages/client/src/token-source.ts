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
  let unstored: Tokens | undefined;

  const keep = async (renewed: Tokens): Promise<void> => {
    // From here on the old refresh token is used up, whether or not the new one can be stored.
    unstored = renewed;
    tokens = renewed;
    await onTokens?.(renewed);
    unstored = undefined;
  };

  const renew = async (): Promise<string | undefined> => {
    if (unstored !== undefined) await keep(unstored);
    if (isFresh(tokens, clock())) return tokens?.accessToken;
    const request = renewalOf(tokens, grant);
    if (request === undefined) return tokens?.accessToken;
    try {
      await keep(await identity.createToken({ body: request }));
    } catch (error) {
      const isPassing = isAppError(error) && error.status >= 500;
      if (tokens === undefined || !isPassing || Date.parse(tokens.expiresAt) <= clock()) throw error;
    }
    return tokens?.accessToken;
  };

  return () => {
    if (unstored === undefined && isFresh(tokens, clock())) return Promise.resolve(tokens?.accessToken);
    renewal ??= renew().finally(() => {
      renewal = undefined;
    });
    return renewal;
  };
}

function isFresh(tokens: Tokens | undefined, now: number): boolean {
  return tokens !== undefined && Date.parse(tokens.expiresAt) - now > RENEW_BEFORE_MS;
}

function renewalOf(tokens: Tokens | undefined, grant: TokenRequestBody | undefined): TokenRequestBody | undefined {
  if (tokens?.refreshToken === undefined) return grant;
  return { grantType: 'refresh_token', refreshToken: tokens.refreshToken };
}

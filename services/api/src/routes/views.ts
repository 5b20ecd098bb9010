import { commonError } from '@lucid/common/apis/error-factory';
import type { ApiKeyView, PolicyView, TokensView, UserView } from '@lucid/common/apis/identity-schemas';
import type { IssuedTokens } from '../domain/sign-in.ts';
import type { ApiKey, Policy, User } from '../domain/types.ts';

// What clients see of what is stored: never a hash of a secret.

export function formatTimestamp(ms: number): string {
  return new Date(ms).toISOString();
}

/** RFC 3339 to milliseconds. @throws REQUEST_INVALID for what the format allows and no clock shows: a leap second */
export function parseTimestamp(text: string, pointer: string): number {
  const ms = Date.parse(text);
  if (!Number.isNaN(ms)) return ms;
  throw commonError('REQUEST_INVALID', `${pointer} is no time.`, { errors: [{ pointer, detail: 'is no time' }] });
}

export function toUserView(user: User): UserView {
  return {
    userId: user.userId,
    name: user.name,
    displayName: user.displayName,
    roles: [...user.roles],
    wallets: [...user.wallets],
    hasPassword: user.passwordHash !== undefined,
    isDisabled: user.isDisabled,
    createdAt: formatTimestamp(user.createdAt),
    updatedAt: formatTimestamp(user.updatedAt),
  };
}

export function toApiKeyView(apiKey: ApiKey): ApiKeyView {
  return {
    apiKeyId: apiKey.apiKeyId,
    name: apiKey.name,
    roles: [...apiKey.roles],
    scopes: [...apiKey.scopes],
    createdAt: formatTimestamp(apiKey.createdAt),
    expiresAt: apiKey.expiresAt === null ? null : formatTimestamp(apiKey.expiresAt),
  };
}

export function toPolicyView(policy: Policy): PolicyView {
  return { ...policy, createdAt: formatTimestamp(policy.createdAt) };
}

export function toTokensView(tokens: IssuedTokens): TokensView {
  const { refreshToken } = tokens;
  return {
    accessToken: tokens.accessToken,
    tokenType: 'Bearer',
    expiresAt: formatTimestamp(tokens.expiresAt),
    ...(refreshToken
      ? { refreshToken: refreshToken.token, refreshTokenExpiresAt: formatTimestamp(refreshToken.expiresAt) }
      : {}),
    subject: tokens.subject,
    roles: [...tokens.roles],
    scopes: [...tokens.scopes],
  };
}

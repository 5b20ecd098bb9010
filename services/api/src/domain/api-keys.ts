import { apiError } from '../errors.ts';
import { createApiKeySecret, formatApiKey, hashSecret } from './secrets.ts';
import { accountScope } from './sign-in.ts';
import type { ApiKeyStore } from './stores.ts';
import type { ApiKey, UserRole } from './types.ts';

export const apiKeysMax = 100;

export interface NewApiKey {
  readonly name: string;
  readonly roles: readonly UserRole[];
  readonly scopes?: readonly string[];
  /** Milliseconds since 1970. */
  readonly expiresAt: number | null;
}

/**
 * Makes a key with some of its creator's roles. The key text is in the answer only.
 * @throws API_KEY_GRANT_EXCEEDED, API_KEY_LIMIT_REACHED
 */
export async function createApiKey(
  store: ApiKeyStore,
  creator: { readonly userId: string; readonly roles: readonly string[] },
  { name, roles, scopes = [], expiresAt }: NewApiKey,
  now: number,
): Promise<{ record: ApiKey; apiKey: string }> {
  const excess = roles.filter((role) => !creator.roles.includes(role));
  if (excess.length > 0)
    throw apiError('API_KEY_GRANT_EXCEEDED', `You do not have the role ${excess.join(', ')} yourself.`);
  if (scopes.includes(accountScope)) {
    throw apiError('API_KEY_GRANT_EXCEEDED', `The scope ${accountScope} is for people who signed in, not for keys.`);
  }
  const key = createApiKeySecret();
  const record: ApiKey = {
    apiKeyId: key.apiKeyId,
    userId: creator.userId,
    name,
    roles: [...roles],
    scopes: [...scopes],
    secretHash: hashSecret(key.secret),
    createdAt: now,
    expiresAt,
  };
  await store.createApiKey(record, apiKeysMax);
  return { record, apiKey: formatApiKey(key) };
}

import type { GroupCommit } from '@lucid/common/storage/group-commit';
import { decodeJson, encodeJson } from '@lucid/common/storage/json';
import type { KeyValueStore } from '@lucid/common/storage/kv';
import { pageRange } from '@lucid/common/storage/prefix';
import type { ApiKeyStore } from '../domain/stores.ts';
import type { ApiKey } from '../domain/types.ts';
import { apiError } from '../errors.ts';
import { spaces } from './keys.ts';

/** API keys on a key-value store; `writer` is the only writer of its keys. */
export function createLevelApiKeys(store: KeyValueStore, writer: GroupCommit): ApiKeyStore {
  return {
    createApiKey: (apiKey, keysMax) =>
      writer.run((tx) => {
        const countKey = spaces.apiKeyCounts.key(apiKey.userId);
        const count = readCount(tx.find(countKey));
        if (count >= keysMax) throw apiError('API_KEY_LIMIT_REACHED', `A user has at most ${keysMax} API keys.`);
        tx.put(countKey, encodeJson(count + 1));
        tx.put(spaces.apiKeys.key(apiKey.apiKeyId), encodeJson(apiKey));
        tx.put(indexKey(apiKey.userId, apiKey.createdAt, apiKey.apiKeyId), new Uint8Array());
      }),
    findApiKey: async (apiKeyId) => findApiKey(store, apiKeyId),
    listApiKeys: async (userId, { limit, after }) => {
      const from = after && indexKey(userId, ...after);
      const apiKeys: ApiKey[] = [];
      for await (const [key] of store.range(pageRange(rangeOf(userId), { after: from, limit }))) {
        const apiKey = findApiKey(store, apiKeyIdOf(key));
        if (apiKey) apiKeys.push(apiKey);
      }
      return apiKeys;
    },
    deleteApiKey: ({ apiKeyId, userId, createdAt }) =>
      writer.run((tx) => {
        if (!tx.find(spaces.apiKeys.key(apiKeyId))) return;
        const countKey = spaces.apiKeyCounts.key(userId);
        tx.put(countKey, encodeJson(readCount(tx.find(countKey)) - 1));
        tx.del(spaces.apiKeys.key(apiKeyId));
        tx.del(indexKey(userId, createdAt, apiKeyId));
      }),
  };
}

/** The store's keys that hold a user's API keys, for whoever deletes the user. */
export async function listApiKeyEntries(store: KeyValueStore, userId: string): Promise<Uint8Array[]> {
  const keys = [spaces.apiKeyCounts.key(userId)];
  for await (const [key] of store.range(rangeOf(userId))) keys.push(key, spaces.apiKeys.key(apiKeyIdOf(key)));
  return keys;
}

function findApiKey(store: KeyValueStore, apiKeyId: string): ApiKey | undefined {
  const value = store.findSync(spaces.apiKeys.key(apiKeyId));
  return value && decodeJson<ApiKey>(value);
}

function readCount(value: Uint8Array | undefined): number {
  return value ? decodeJson<number>(value) : 0;
}

const rangeOf = (userId: string) => spaces.apiKeysOfUser.range(userId, '/');

function indexKey(userId: string, createdAt: number, apiKeyId: string): Uint8Array {
  return spaces.apiKeysOfUser.key(userId, '/', createdAt, apiKeyId);
}

/** The id is what follows the user, the slash and the eight bytes of the time. */
function apiKeyIdOf(key: Uint8Array): string {
  return Buffer.from(key.subarray(key.length - 16)).toString('utf8');
}

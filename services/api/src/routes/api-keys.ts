import { identityApi } from '@lucid/common/apis/identity';
import { implement } from '@lucid/common/http/implement';
import { cursorCodec } from '@lucid/common/storage/cursor';
import type { FastifyInstance } from 'fastify';
import { createApiKey } from '../domain/api-keys.ts';
import type { Callers } from '../domain/callers.ts';
import type { ApiKeyStore } from '../domain/stores.ts';
import { apiError } from '../errors.ts';
import { parseTimestamp, toApiKeyView } from './views.ts';

export interface ApiKeyDeps {
  readonly store: ApiKeyStore;
  readonly callers: Callers;
  readonly now: () => number;
}

const cursor = cursorCodec('api-keys@1', ['integer', 'string']);

/** API keys of the caller. */
export async function apiKeyRoutes(app: FastifyInstance, { store, callers, now }: ApiKeyDeps) {
  await implement(app, identityApi, {
    createApiKey: async ({ body, identity, reply }) => {
      const user = await callers.getSignedIn(identity);
      const expiresAt = body.expiresAt === undefined ? null : parseTimestamp(body.expiresAt, '/body/expiresAt');
      const created = await createApiKey(store, user, { ...body, expiresAt }, now());
      reply.header('cache-control', 'no-store');
      return { ...toApiKeyView(created.record), apiKey: created.apiKey };
    },
    listApiKeys: async ({ query, identity }) => {
      const { userId } = await callers.getCaller(identity);
      const limit = query.limit ?? 50;
      const after = query.cursor === undefined ? undefined : cursor.decode(query.cursor);
      const found = await store.listApiKeys(userId, { limit: limit + 1, after });
      const items = found.slice(0, limit);
      const last = items.at(-1);
      const next = found.length > limit && last ? { next: cursor.encode([last.createdAt, last.apiKeyId]) } : {};
      return { items: items.map(toApiKeyView), ...next };
    },
    deleteApiKey: async ({ params, identity }) => {
      await callers.getSignedIn(identity);
      const apiKey = await store.findApiKey(params.apiKeyId);
      if (!apiKey) throw apiError('API_KEY_NOT_FOUND', `There is no API key ${params.apiKeyId}.`);
      await callers.verifyMaySee(identity, apiKey.userId, 'admin');
      await store.deleteApiKey(apiKey);
      return undefined;
    },
  });
}

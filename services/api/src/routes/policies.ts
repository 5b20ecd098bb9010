import { identityApi } from '@lucid/common/apis/identity';
import { implement } from '@lucid/common/http/implement';
import { cursorCodec } from '@lucid/common/storage/cursor';
import type { FastifyInstance } from 'fastify';
import type { Callers } from '../domain/callers.ts';
import { verifyPolicy } from '../domain/policies.ts';
import type { PolicyStore } from '../domain/stores.ts';
import { apiError } from '../errors.ts';
import { toPolicyView } from './views.ts';

export interface PolicyDeps {
  readonly store: PolicyStore;
  readonly callers: Callers;
  readonly now: () => number;
}

const cursor = cursorCodec('policies@1', ['string', 'integer']);

/** Session policies, signed by their owners. */
export async function policyRoutes(app: FastifyInstance, { store, callers, now }: PolicyDeps) {
  await implement(app, identityApi, {
    createPolicy: async ({ body, identity }) => {
      const owner = await callers.getCaller(identity);
      const policy = verifyPolicy(owner, body.policy, body.signature, now());
      return toPolicyView(await store.createPolicy(policy));
    },
    listPolicies: async ({ query, identity }) => {
      const { userId } = await callers.getCaller(identity);
      const limit = query.limit ?? 50;
      const after = query.cursor === undefined ? undefined : cursor.decode(query.cursor);
      const found = await store.listPolicies(userId, query.policyId, { limit: limit + 1, after });
      const items = found.slice(0, limit);
      const last = items.at(-1)?.policy;
      const next = found.length > limit && last ? { next: cursor.encode([last.policyId, last.version]) } : {};
      return { items: items.map(toPolicyView), ...next };
    },
    getPolicy: async ({ params }) => {
      const policy = await store.findPolicy(params.policyHash);
      if (!policy) throw apiError('POLICY_NOT_FOUND', `There is no policy ${params.policyHash}.`);
      return toPolicyView(policy);
    },
  });
}

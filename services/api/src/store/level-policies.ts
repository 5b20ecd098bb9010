import type { GroupCommit, Transaction } from '@lucid/common/storage/group-commit';
import { decodeJson, encodeJson } from '@lucid/common/storage/json';
import type { KeyValueStore } from '@lucid/common/storage/kv';
import { pageRange } from '@lucid/common/storage/prefix';
import type { PolicyStore } from '../domain/stores.ts';
import type { Policy } from '../domain/types.ts';
import { apiError } from '../errors.ts';
import { spaces } from './keys.ts';
import { decodeText, encodeText } from './text.ts';

interface PolicyHead {
  readonly subject: string;
  readonly version: number;
}

/** Policies on a key-value store; `writer` is the only writer of its keys. */
export function createLevelPolicies(store: KeyValueStore, writer: GroupCommit): PolicyStore {
  const find = (policyHash: string) => readPolicy(store.findSync(spaces.policies.key(policyHash)));
  return {
    createPolicy: (policy) => writer.run((tx) => insertPolicy(tx, policy)),
    findPolicy: async (policyHash) => find(policyHash),
    listPolicies: async (userId, policyId, { limit, after }) => {
      const prefix = policyId === undefined ? [userId, '/'] : [userId, '/', policyId, '/'];
      const from = after && indexKey(userId, ...after);
      const policies: Policy[] = [];
      const range = pageRange(spaces.policiesOfUser.range(...prefix), { after: from, limit });
      for await (const [, policyHash] of store.range(range)) {
        const policy = find(decodeText(policyHash));
        if (policy) policies.push(policy);
      }
      return policies;
    },
  };
}

function insertPolicy(tx: Transaction, record: Policy): Policy {
  const { policyHash, policy } = record;
  const stored = readPolicy(tx.find(spaces.policies.key(policyHash)));
  if (stored) return stored;
  const headKey = spaces.policyHeads.key(policy.policyId);
  const headValue = tx.find(headKey);
  const head = headValue && decodeJson<PolicyHead>(headValue);
  if (head && head.subject !== policy.owner.subject) {
    throw apiError('POLICY_OWNER_WRONG', 'Another user published the versions before this one.');
  }
  const versionNext = (head?.version ?? 0) + 1;
  if (policy.version !== versionNext) {
    const detail = `The next version of this policy is ${versionNext}, not ${policy.version}.`;
    throw apiError('POLICY_VERSION_CONFLICT', detail, { data: { versionNext } });
  }
  tx.put(spaces.policies.key(policyHash), encodeJson(record));
  tx.put(indexKey(policy.owner.subject, policy.policyId, policy.version), encodeText(policyHash));
  tx.put(headKey, encodeJson({ subject: policy.owner.subject, version: policy.version } satisfies PolicyHead));
  return record;
}

function readPolicy(value: Uint8Array | undefined): Policy | undefined {
  return value && decodeJson<Policy>(value);
}

function indexKey(userId: string, policyId: string, version: number): Uint8Array {
  return spaces.policiesOfUser.key(userId, '/', policyId, '/', version);
}

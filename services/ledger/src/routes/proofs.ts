import { parseHex } from '@lucid/common/formats/bytes';
import type { FastifyInstance } from 'fastify';
import { getLeafIndex } from '../domain/entries.ts';
import type { Log } from '../domain/log.ts';
import { consistencyProof, inclusionProof, rootAt } from '../domain/proofs.ts';
import { ledgerError } from '../errors.ts';
import { hexOf } from './hex.ts';
import { implementForLogs, type ServedLogs } from './served-logs.ts';

/** Proofs as JSON, against any size that was published. */
export async function proofRoutes(app: FastifyInstance, { logs }: { logs: ServedLogs }): Promise<void> {
  await implementForLogs(app, logs, {
    getInclusionProof: async ({ query }, { host: { log } }) => {
      const leafIndex = await requireLeaf(log, query);
      const treeSize = requirePublished(log, query.treeSize);
      if (leafIndex >= treeSize) throw rangeInvalid(`There is no leaf ${leafIndex} in a tree of ${treeSize}`);
      return {
        leafIndex,
        treeSize,
        leafHash: hexOf(log.tree.readNode(0, leafIndex)),
        rootHash: hexOf(rootAt(log.tree, treeSize)),
        proof: inclusionProof(log.tree, leafIndex, treeSize).map(hexOf),
      };
    },
    getConsistencyProof: ({ query: { oldSize, newSize: asked } }, { host: { log } }) => {
      const newSize = requirePublished(log, asked);
      if (oldSize > newSize) throw rangeInvalid(`A tree of ${oldSize} does not come before one of ${newSize}`);
      return {
        oldSize,
        newSize,
        oldRoot: hexOf(rootAt(log.tree, oldSize)),
        newRoot: hexOf(rootAt(log.tree, newSize)),
        proof: consistencyProof(log.tree, oldSize, newSize).map(hexOf),
      };
    },
  });
}

/** The leaf that is asked for, by its index or by its hash. Throws REQUEST_INVALID, LEDGER_ENTRY_NOT_FOUND. */
async function requireLeaf(log: Log, query: { leafIndex?: number; leafHash?: string }): Promise<number> {
  const { leafIndex, leafHash } = query;
  if (leafIndex !== undefined && leafHash === undefined) return leafIndex;
  if (leafIndex === undefined && leafHash !== undefined) return await getLeafIndex(log, parseHex(leafHash, 32));
  throw ledgerError('REQUEST_INVALID', 'Name the leaf by leafIndex or by leafHash', {
    errors: [{ pointer: '/querystring', detail: 'has exactly one of leafIndex and leafHash' }],
  });
}

/** The size to prove against: the one asked for, or the published one; never a size nobody can check. */
function requirePublished(log: Log, asked: number | undefined): number {
  const { treeSize } = log.published;
  if (asked === undefined || asked <= treeSize) return asked ?? treeSize;
  throw rangeInvalid(`The latest checkpoint is of ${treeSize} entries, not ${asked}`);
}

function rangeInvalid(detail: string): Error {
  return ledgerError('LEDGER_RANGE_INVALID', detail);
}

import { ledgerApi } from '@lucid/common/apis/ledger';
import { toHex } from '@lucid/common/formats/bytes';
import { implement } from '@lucid/common/http/implement';
import type { FastifyInstance } from 'fastify';
import type { Log } from '../domain/log.ts';
import type { LogHost } from '../domain/log-host.ts';
import { consistencyProof, inclusionProof, rootAt } from '../domain/proofs.ts';
import { ledgerError } from '../errors.ts';

/** Proofs as JSON, against any size that was published. */
export async function proofRoutes(app: FastifyInstance, { host }: { host: LogHost }): Promise<void> {
  await implement(app, ledgerApi, {
    getInclusionProof: ({ query: { leafIndex, treeSize: asked } }) => {
      const { log } = host;
      const treeSize = requirePublished(log, asked);
      if (leafIndex >= treeSize) throw rangeInvalid(`There is no leaf ${leafIndex} in a tree of ${treeSize}`);
      return {
        leafIndex,
        treeSize,
        leafHash: toHex(log.tree.readNode(0, leafIndex)),
        rootHash: toHex(rootAt(log.tree, treeSize)),
        proof: inclusionProof(log.tree, leafIndex, treeSize).map(toHex),
      };
    },
    getConsistencyProof: ({ query: { oldSize, newSize: asked } }) => {
      const { log } = host;
      const newSize = requirePublished(log, asked);
      if (oldSize > newSize) throw rangeInvalid(`A tree of ${oldSize} does not come before one of ${newSize}`);
      return {
        oldSize,
        newSize,
        oldRoot: toHex(rootAt(log.tree, oldSize)),
        newRoot: toHex(rootAt(log.tree, newSize)),
        proof: consistencyProof(log.tree, oldSize, newSize).map(toHex),
      };
    },
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

import { blockchainApi } from '@lucid/common/apis/blockchain';
import { AppError } from '@lucid/common/errors';
import { createBlockEntry, parseBlockHeader } from '@lucid/common/formats/block-header';
import { parseHex0x, toHex0x } from '@lucid/common/formats/bytes';
import { encodeBlockEntry } from '@lucid/common/formats/ledger-entries';
import { createServiceClient, type ServiceClientOptions } from '@lucid/common/http/service-client';
import type { AnchorProgress, Anchors } from '../domain/settlement.ts';

/** The anchor queue over HTTP. */
export function createAnchors(options: ServiceClientOptions): Anchors {
  const client = createServiceClient(blockchainApi, options);
  return {
    order: async (order) => {
      // The operation is idempotent by session; the key lets the client repeat it after a time-out.
      await client.createAnchor({ body: order }, { idempotencyKey: order.manifestHash });
    },
    getProgress: async (sessionId): Promise<AnchorProgress> => {
      const { status, transactionHash, reason } = await client.getAnchor({ params: { sessionId } });
      if (status === 'failed') return { status, reason: reason ?? 'The contract refused the anchor.' };
      if (status !== 'confirmed') return { status: 'pending' };
      return { status, ...(transactionHash === undefined ? {} : { transactionHash }) };
    },
    prove: async (sessionId) => {
      const proof = await client.getAnchorProof({ params: { sessionId } });
      const header = parseBlockHeader(parseHex0x(proof.blockHeader));
      const blockHash = toHex0x(header.blockHash);
      if (blockHash !== proof.blockHash || header.blockNumber !== proof.blockNumber) {
        throw new AppError('ANCHOR_PROOF_INVALID', 'The proof’s header is not the block it names.', { status: 502 });
      }
      return {
        proof: {
          chainId: proof.chainId,
          contract: proof.contract.toLowerCase(),
          header: proof.blockHeader,
          accountProof: proof.accountProof,
          storageProofs: proof.storageProof.map(({ proof: nodes }) => nodes),
        },
        blockNumber: header.blockNumber,
        blockHash,
        blockEntry: encodeBlockEntry(createBlockEntry(proof.chainId, header)),
      };
    },
  };
}

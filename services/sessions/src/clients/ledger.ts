import { ledgerApi } from '@lucid/common/apis/ledger';
import { AppError, isAppError } from '@lucid/common/errors';
import { toBase64, toHex } from '@lucid/common/formats/bytes';
import { parseCheckpoint } from '@lucid/common/formats/checkpoint';
import { leafHash, verifyInclusion } from '@lucid/common/formats/merkle';
import { parseTlogProof } from '@lucid/common/formats/tlog-proof';
import { createServiceClient, type ServiceClientOptions } from '@lucid/common/http/service-client';
import type { Ledger } from '../domain/settlement.ts';

/** The ledger over HTTP. Every receipt is held to its entry before it is believed. */
export function createLedger(options: ServiceClientOptions): Ledger {
  const client = createServiceClient(ledgerApi, options);
  return {
    append: async (entry, idempotencyKey) => {
      const { leafIndex, receipt } = await client.appendEntry(
        { query: { receipt: 1 }, body: { entry: toBase64(entry) } },
        { idempotencyKey },
      );
      if (receipt === undefined) throw unbelievable('it gave no receipt');
      requireProof(entry, leafIndex, receipt);
      return { leafIndex, receipt };
    },
    findReceipt: async (entry) => {
      try {
        const { leafIndex } = await client.findEntryByHash({ params: { leafHash: toHex(leafHash(entry)) } });
        const receipt = await (await client.getReceipt({ params: { leafIndex } })).text();
        requireProof(entry, leafIndex, receipt);
        return receipt;
      } catch (error) {
        if (isAppError(error, 'LEDGER_ENTRY_NOT_FOUND')) return undefined;
        throw error;
      }
    },
  };
}

/** The receipt's path must lead from the entry to its own checkpoint's root; who signed it is the verifier's to trust. */
function requireProof(entry: Uint8Array, leafIndex: number, receipt: string): void {
  try {
    const { leafIndex: index, proof, checkpoint } = parseTlogProof(receipt);
    const { treeSize, rootHash } = parseCheckpoint(checkpoint);
    if (index !== leafIndex) throw unbelievable('its receipt is of another index');
    verifyInclusion({ leafIndex, treeSize, leafHash: leafHash(entry), proof, rootHash });
  } catch (error) {
    throw unbelievable(error instanceof Error ? error.message : 'its receipt is malformed', error);
  }
}

/** Status 502: time or an operator may heal it, so it is tried again. */
function unbelievable(reason: string, cause?: unknown): AppError {
  return new AppError('LEDGER_ANSWER_INVALID', `The ledger’s answer does not hold: ${reason}.`, { status: 502, cause });
}

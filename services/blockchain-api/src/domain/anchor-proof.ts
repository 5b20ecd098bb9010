import type { AnchorProof } from '@lucid/common/apis/blockchain';
import { anchorSlots } from '@lucid/common/formats/anchor-layout';
import { contractAddresses } from '@lucid/contracts/addresses';
import { toBeHex } from 'ethers';
import { blockchainError } from '../errors.ts';
import type { AnchorRecord } from './anchor.ts';
import { encodeBlockHeader } from './block-header.ts';
import { callChainAll, toNumber, toQuantity } from './chain-reads.ts';
import type { ChainBlock } from './explorer.ts';
import type { ChainRpc } from './json-rpc.ts';

/** The answer of `eth_getProof` (EIP-1186), as far as it is used. */
interface ChainProof {
  readonly accountProof: readonly string[];
  readonly storageProof: readonly { readonly value: string; readonly proof: readonly string[] }[];
}

/**
 * Proves a confirmed anchor: the four slots of its record, as of the block that registered it.
 * @throws ANCHOR_NOT_CONFIRMED, DEPENDENCY_UNAVAILABLE
 */
export async function proveAnchor(rpc: ChainRpc, record: AnchorRecord): Promise<AnchorProof> {
  const { sessionId, status, blockNumber } = record;
  if (status !== 'confirmed' || blockNumber === undefined) {
    const detail = `The anchor of session ${sessionId} is ${status}: there is nothing to prove yet.`;
    throw blockchainError('ANCHOR_NOT_CONFIRMED', detail, { data: { anchorStatus: status } });
  }
  const slots = anchorSlots(sessionId);
  const contract = contractAddresses.LucidAnchors.toLowerCase();
  const [chainId, header, proof] = await callChainAll<unknown>(rpc, [
    { method: 'eth_chainId', params: [] },
    { method: 'eth_getBlockByNumber', params: [toQuantity(blockNumber), false] },
    { method: 'eth_getProof', params: [contract, slots, toQuantity(blockNumber)] },
  ]);
  const block = header as ChainBlock;
  const { accountProof, storageProof } = proof as ChainProof;
  return {
    chainId: toNumber(chainId as string),
    contract,
    sessionId,
    blockNumber,
    blockHash: block.hash,
    blockHeader: encodeBlockHeader(block),
    accountProof: [...accountProof],
    storageProof: slots.map((key, index) => ({
      key,
      value: toBeHex(storageProof[index]?.value ?? '0x0', 32),
      proof: [...(storageProof[index]?.proof ?? [])],
    })),
  };
}

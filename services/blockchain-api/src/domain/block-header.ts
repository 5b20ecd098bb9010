import assert from 'node:assert/strict';
import { encodeRlp, keccak256, toBeArray } from 'ethers';
import type { ChainBlock } from './explorer.ts';

/**
 * The RLP of a block's header (yellow paper §4.3, and the members EIP-1559, 4895, 4844, 4788 and 7685 added), which
 * hashes to the block's hash. Asserted, since a header that does not hash right proves nothing.
 */
export function encodeBlockHeader(block: ChainBlock): string {
  const members = [
    block.parentHash,
    block.sha3Uncles,
    block.miner,
    block.stateRoot,
    block.transactionsRoot,
    block.receiptsRoot,
    block.logsBloom,
    quantity(block.difficulty),
    quantity(block.number),
    quantity(block.gasLimit),
    quantity(block.gasUsed),
    quantity(block.timestamp),
    block.extraData,
    block.mixHash,
    block.nonce,
    ...laterMembers(block),
  ];
  const rlp = encodeRlp(members);
  assert.equal(keccak256(rlp), block.hash, `the header of block ${block.number} hashes to its hash`);
  return rlp;
}

function laterMembers(block: ChainBlock): (string | Uint8Array)[] {
  const { baseFeePerGas, withdrawalsRoot, blobGasUsed, excessBlobGas, parentBeaconBlockRoot, requestsHash } = block;
  const members = [
    baseFeePerGas === undefined ? undefined : quantity(baseFeePerGas),
    withdrawalsRoot,
    blobGasUsed === undefined ? undefined : quantity(blobGasUsed),
    excessBlobGas === undefined ? undefined : quantity(excessBlobGas),
    parentBeaconBlockRoot,
    requestsHash,
  ];
  return members.filter((member) => member !== undefined);
}

/** A number in RLP: big-endian, no leading zeros, zero as nothing. */
function quantity(value: string): Uint8Array {
  return toBeArray(value);
}

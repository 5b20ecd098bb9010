/** Headers, blocks, receipts and transactions as the bytes their hashes are of: for tools that check them themselves. */
import { toHex } from '../bytes.ts';
import type { ChainReader, StoredBlock } from '../chain/block.ts';
import { encodeHeader } from '../chain/header.ts';
import { encodeConsensusReceipt } from '../chain/receipt.ts';
import type { Mempool } from '../pool/mempool.ts';
import { findBlock, getBlock } from './block-source.ts';
import { receiptsOf } from './chain-methods.ts';
import { encodeBlock } from './format.ts';
import type { RpcMethods } from './methods.ts';
import { parseBlockRef, parseFixed, parseInteger } from './params.ts';

/** Methods that answer RLP and EIP-2718 envelopes; `pool` holds transactions that are in no block yet. */
export function rawMethods(reader: ChainReader, pool: Pick<Mempool, 'find'>): RpcMethods {
  const byHash = (hash: unknown): string | null => {
    const wanted = parseFixed(hash, 'transactionHash', 32);
    const place = reader.findTransaction(wanted);
    const raw =
      place === undefined ? pool.find(wanted)?.raw : transactionAt(blockAt(reader, place.blockNumber), place.index);
    return raw === undefined ? null : toHex(raw);
  };
  const atIndex = (ref: unknown, index: unknown): string | null => {
    const block = findBlock(reader, parseBlockRef(ref));
    const raw = transactionAt(block, parseInteger(index, 'index'));
    return raw === undefined ? null : toHex(raw);
  };
  return {
    debug_getRawHeader: ([ref]) => toHex(encodeHeader(getBlock(reader, parseBlockRef(ref)).header)),
    debug_getRawBlock: ([ref]) => toHex(encodeBlock(getBlock(reader, parseBlockRef(ref)))),
    debug_getRawReceipts: ([ref]) =>
      receiptsOf(reader, getBlock(reader, parseBlockRef(ref))).map((receipt) => toHex(encodeConsensusReceipt(receipt))),
    debug_getRawTransaction: ([hash]) => byHash(hash),
    eth_getRawTransactionByHash: ([hash]) => byHash(hash),
    eth_getRawTransactionByBlockNumberAndIndex: ([ref, index]) => atIndex(ref, index),
    eth_getRawTransactionByBlockHashAndIndex: ([hash, index]) => atIndex({ blockHash: hash }, index),
  };
}

function blockAt(reader: ChainReader, blockNumber: number): StoredBlock {
  return getBlock(reader, { kind: 'number', number: blockNumber });
}

function transactionAt(block: StoredBlock | undefined, index: number): Uint8Array | undefined {
  return block?.transactions[index];
}

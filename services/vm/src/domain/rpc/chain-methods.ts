/** Blocks, transactions and receipts. */
import type { Common } from '@ethereumjs/common';
import { toQuantity } from '../bytes.ts';
import type { ChainReader, StoredBlock } from '../chain/block.ts';
import { findBlock } from './block-source.ts';
import { formatBlock, formatPlaced, formatReceipt } from './format.ts';
import type { RpcMethods } from './methods.ts';
import { optional, parseBlockRef, parseBoolean, parseFixed, parseInteger } from './params.ts';

/** Methods that read the durable chain. */
export function chainMethods(rules: Common, reader: ChainReader): RpcMethods {
  const blockAt = (ref: unknown, isFull: unknown): unknown => {
    const block = findBlock(reader, parseBlockRef(ref));
    if (block === undefined) return null;
    const wantsFull = optional(isFull, (value) => parseBoolean(value, 'full')) ?? false;
    return formatBlock(rules, block, wantsFull ? receiptsOf(reader, block) : undefined);
  };
  const transactionAt = (ref: unknown, index: unknown): unknown => {
    const block = findBlock(reader, parseBlockRef(ref));
    const position = parseInteger(index, 'index');
    if (block === undefined || position >= block.transactions.length) return null;
    return formatPlaced(rules, block, receiptsOf(reader, block), position);
  };
  const countAt = (ref: unknown): unknown => {
    const block = findBlock(reader, parseBlockRef(ref));
    return block === undefined ? null : toQuantity(block.transactions.length);
  };
  return {
    eth_blockNumber: () => toQuantity(reader.headNumber()),
    eth_getBlockByNumber: ([ref, isFull]) => blockAt(ref, isFull),
    eth_getBlockByHash: ([hash, isFull]) => blockAt({ blockHash: hash }, isFull),
    eth_getBlockTransactionCountByNumber: ([ref]) => countAt(ref),
    eth_getBlockTransactionCountByHash: ([hash]) => countAt({ blockHash: hash }),
    eth_getUncleCountByBlockNumber: ([ref]) => (findBlock(reader, parseBlockRef(ref)) ? '0x0' : null),
    eth_getUncleCountByBlockHash: ([hash]) => (findBlock(reader, parseBlockRef({ blockHash: hash })) ? '0x0' : null),
    eth_getTransactionByBlockNumberAndIndex: ([ref, index]) => transactionAt(ref, index),
    eth_getTransactionByBlockHashAndIndex: ([hash, index]) => transactionAt({ blockHash: hash }, index),
    eth_getBlockReceipts: ([ref]) => {
      const block = findBlock(reader, parseBlockRef(ref));
      if (block === undefined) return null;
      const receipts = receiptsOf(reader, block);
      return receipts.map((_receipt, index) => formatReceipt(rules, block, receipts, index));
    },
    eth_getTransactionReceipt: ([hash]) => {
      const place = reader.findTransaction(parseFixed(hash, 'transactionHash', 32));
      const block = place === undefined ? undefined : reader.findBlock(place.blockNumber);
      if (place === undefined || block === undefined) return null;
      return formatReceipt(rules, block, receiptsOf(reader, block), place.index);
    },
  };
}

/** The receipts of a block that is there. */
export function receiptsOf(
  reader: ChainReader,
  block: StoredBlock,
): NonNullable<ReturnType<ChainReader['findReceipts']>> {
  const receipts = reader.findReceipts(Number(block.header.number));
  if (receipts === undefined) throw new Error(`block ${block.header.number} has no receipts`);
  return receipts;
}

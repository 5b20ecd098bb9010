import type { Block, BlockSummary, Chain, Transaction, TransactionSummary } from '@lucid/common/apis/blockchain';
import { contractAddresses } from '@lucid/contracts/addresses';
import { blockchainError } from '../errors.ts';
import { callChain, callChainAll, toNumber, toQuantity } from './chain-reads.ts';
import {
  type ChainBlock,
  type ChainReceipt,
  type ChainTransaction,
  toBlock,
  toBlockSummary,
  toTimestamp,
  toTransaction,
  toTransactionSummary,
} from './explorer.ts';
import type { ChainRpc } from './json-rpc.ts';

export interface Slice<T> {
  readonly items: readonly T[];
  /** Where the next page starts; undefined on the last one. */
  readonly next: number | undefined;
}

/** What the chain is, where it stands, and where the platform's contracts are. */
export async function readChain(rpc: ChainRpc): Promise<Chain> {
  const [chainId, genesis, head] = await callChainAll<string | ChainBlock>(rpc, [
    { method: 'eth_chainId', params: [] },
    { method: 'eth_getBlockByNumber', params: ['0x0', false] },
    { method: 'eth_getBlockByNumber', params: ['latest', false] },
  ]);
  const { hash, number, timestamp } = head as ChainBlock;
  return {
    chainId: toNumber(chainId as string),
    genesisHash: (genesis as ChainBlock).hash,
    head: { number: toNumber(number), hash, timestamp: toTimestamp(timestamp) },
    contracts: { ...contractAddresses },
  };
}

/** Blocks from `from` (the head unless given) downwards. */
export async function readBlocks(rpc: ChainRpc, from: number | undefined, limit: number): Promise<Slice<BlockSummary>> {
  const head = toNumber(await callChain<string>(rpc, 'eth_blockNumber', []));
  const top = Math.min(from ?? head, head);
  const numbers = Array.from({ length: Math.min(limit, top + 1) }, (_, index) => top - index);
  const blocks = await callChainAll<ChainBlock>(
    rpc,
    numbers.map((number) => ({ method: 'eth_getBlockByNumber', params: [toQuantity(number), false] })),
  );
  const next = top - numbers.length;
  return { items: blocks.map(toBlockSummary), next: next >= 0 ? next : undefined };
}

/** A block by number, hash or `latest`. @throws BLOCK_NOT_FOUND */
export async function readBlock(rpc: ChainRpc, id: string): Promise<Block> {
  return toBlock(await readChainBlock(rpc, id));
}

/** A block's transactions from index `from` on. @throws BLOCK_NOT_FOUND */
export async function readBlockTransactions(
  rpc: ChainRpc,
  id: string,
  from: number,
  limit: number,
): Promise<Slice<TransactionSummary>> {
  const { transactions } = await readChainBlock(rpc, id);
  const hashes = transactions.slice(from, from + limit);
  const items = await callChainAll<ChainTransaction>(
    rpc,
    hashes.map((hash) => ({ method: 'eth_getTransactionByHash', params: [hash] })),
  );
  const next = from + hashes.length;
  return { items: items.map(toTransactionSummary), next: next < transactions.length ? next : undefined };
}

/** A transaction with its receipt, once it is in a block. @throws TRANSACTION_NOT_FOUND */
export async function readTransaction(rpc: ChainRpc, hash: string): Promise<Transaction> {
  const [transaction, receipt] = await callChainAll<ChainTransaction | ChainReceipt | null>(rpc, [
    { method: 'eth_getTransactionByHash', params: [hash] },
    { method: 'eth_getTransactionReceipt', params: [hash] },
  ]);
  if (!transaction) throw blockchainError('TRANSACTION_NOT_FOUND', `The chain knows no transaction ${hash}.`);
  return toTransaction(transaction as ChainTransaction, receipt as ChainReceipt | null);
}

async function readChainBlock(rpc: ChainRpc, id: string): Promise<ChainBlock> {
  const isHash = id.length === 66;
  const method = isHash ? 'eth_getBlockByHash' : 'eth_getBlockByNumber';
  const ref = isHash || id === 'latest' ? id : toQuantity(Number(id));
  const block = await callChain<ChainBlock | null>(rpc, method, [ref, false]);
  if (!block) throw blockchainError('BLOCK_NOT_FOUND', `The chain has no block ${id}.`);
  return block;
}

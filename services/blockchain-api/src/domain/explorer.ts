import type { Block, BlockSummary, Receipt, Transaction, TransactionSummary } from '@lucid/common/apis/blockchain';
import { formatTime } from '@lucid/common/runtime/clock';
import { toNumber } from './chain-reads.ts';

/** A block as `eth_getBlockBy…` answers it without transaction objects (execution-apis). */
export interface ChainBlock {
  readonly number: string;
  readonly hash: string;
  readonly parentHash: string;
  readonly sha3Uncles: string;
  readonly miner: string;
  readonly stateRoot: string;
  readonly transactionsRoot: string;
  readonly receiptsRoot: string;
  readonly logsBloom: string;
  readonly difficulty: string;
  readonly gasLimit: string;
  readonly gasUsed: string;
  readonly timestamp: string;
  readonly extraData: string;
  readonly mixHash: string;
  readonly nonce: string;
  readonly size: string;
  readonly baseFeePerGas?: string;
  readonly withdrawalsRoot?: string;
  readonly blobGasUsed?: string;
  readonly excessBlobGas?: string;
  readonly parentBeaconBlockRoot?: string;
  readonly requestsHash?: string;
  readonly transactions: readonly string[];
}

/** A transaction as `eth_getTransactionBy…` answers it; the block's fields are null while it waits. */
export interface ChainTransaction {
  readonly hash: string;
  readonly type: string;
  readonly from: string;
  readonly to: string | null;
  readonly nonce: string;
  readonly value: string;
  readonly input: string;
  readonly gas: string;
  readonly blockNumber: string | null;
  readonly blockHash: string | null;
  readonly transactionIndex: string | null;
}

export interface ChainLog {
  readonly logIndex: string;
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly blockHash: string;
  readonly transactionHash: string;
}

export interface ChainReceipt {
  readonly transactionHash: string;
  readonly status: string;
  readonly gasUsed: string;
  readonly effectiveGasPrice: string;
  readonly contractAddress: string | null;
  readonly blockNumber: string;
  readonly blockHash: string;
  readonly logs: readonly ChainLog[];
}

export function toBlockSummary(block: ChainBlock): BlockSummary {
  return {
    number: toNumber(block.number),
    hash: block.hash,
    parentHash: block.parentHash,
    timestamp: toTimestamp(block.timestamp),
    stateRoot: block.stateRoot,
    transactionsRoot: block.transactionsRoot,
    receiptsRoot: block.receiptsRoot,
    miner: block.miner,
    gasUsed: toNumber(block.gasUsed),
    gasLimit: toNumber(block.gasLimit),
    size: toNumber(block.size),
    transactionCount: block.transactions.length,
  };
}

export function toBlock(block: ChainBlock): Block {
  return { ...toBlockSummary(block), transactionHashes: [...block.transactions] };
}

/** A block's time, seconds as a quantity, in RFC 3339. */
export function toTimestamp(quantity: string): string {
  return formatTime(toNumber(quantity) * 1000);
}

export function toTransactionSummary(transaction: ChainTransaction): TransactionSummary {
  const { to, blockNumber, blockHash, transactionIndex } = transaction;
  return {
    hash: transaction.hash,
    type: toNumber(transaction.type),
    from: transaction.from,
    ...(to === null ? {} : { to }),
    nonce: toNumber(transaction.nonce),
    value: BigInt(transaction.value).toString(),
    input: transaction.input,
    gasLimit: toNumber(transaction.gas),
    ...(blockNumber === null ? {} : { blockNumber: toNumber(blockNumber) }),
    ...(blockHash === null ? {} : { blockHash }),
    ...(transactionIndex === null ? {} : { transactionIndex: toNumber(transactionIndex) }),
  };
}

export function toTransaction(transaction: ChainTransaction, receipt: ChainReceipt | null): Transaction {
  return { ...toTransactionSummary(transaction), ...(receipt ? { receipt: toReceipt(receipt) } : {}) };
}

function toReceipt(receipt: ChainReceipt): Receipt {
  const { contractAddress } = receipt;
  return {
    status: toNumber(receipt.status) === 1 ? 'succeeded' : 'reverted',
    gasUsed: toNumber(receipt.gasUsed),
    effectiveGasPrice: BigInt(receipt.effectiveGasPrice).toString(),
    ...(contractAddress === null ? {} : { contractAddress }),
    logs: receipt.logs.map(({ logIndex, address, topics, data }) => ({
      logIndex: toNumber(logIndex),
      address,
      topics: [...topics],
      data,
    })),
  };
}

/** The JSON forms of execution-apis: blocks, transactions, receipts and logs. */
import type { Common } from '@ethereumjs/common';
import { isEOACode7702Tx, type TypedTransaction } from '@ethereumjs/tx';
import { bytesToBig, toHex, toQuantity } from '../bytes.ts';
import type { StoredBlock } from '../chain/block.ts';
import { bloomOf } from '../chain/bloom.ts';
import { encodeHeader, NO_REQUESTS_HASH, ZERO_HASH, ZERO_NONCE } from '../chain/header.ts';
import type { Log, Receipt } from '../chain/receipt.ts';
import { decodeStored, feeCapOf } from '../chain/transaction.ts';
import { EMPTY_LIST_HASH, EMPTY_ROOT, keccak256 } from '../crypto.ts';
import { decodeRlp, encodeRlp } from '../rlp.ts';

type Json = Readonly<Record<string, unknown>>;

/** A log with its place in the chain. */
export type PlacedLog = {
  readonly log: Log;
  readonly block: StoredBlock;
  readonly transactionIndex: number;
  readonly logIndex: number;
};

/** A log. */
export function formatLog({ log, block, transactionIndex, logIndex }: PlacedLog): Json {
  return {
    address: toHex(log.address),
    topics: log.topics.map(toHex),
    data: toHex(log.data),
    blockNumber: toQuantity(block.header.number),
    blockHash: toHex(block.hash),
    blockTimestamp: toQuantity(block.header.timestamp),
    transactionHash: toHex(transactionHash(block, transactionIndex)),
    transactionIndex: toQuantity(transactionIndex),
    logIndex: toQuantity(logIndex),
    removed: false,
  };
}

/** The hash of a block's transaction. */
export function transactionHash(block: StoredBlock, index: number): Uint8Array {
  return keccak256(block.transactions[index]!);
}

/** A block's logs with their places. */
export function placeLogs(block: StoredBlock, receipts: readonly Receipt[]): PlacedLog[] {
  let logIndex = 0;
  return receipts.flatMap(({ logs }, transactionIndex) =>
    logs.map((log) => ({ log, block, transactionIndex, logIndex: logIndex++ })),
  );
}

/** A receipt. */
export function formatReceipt(rules: Common, block: StoredBlock, receipts: readonly Receipt[], index: number): Json {
  const receipt = receipts[index]!;
  const tx = decodeStored(rules, block.transactions[index]!);
  return {
    type: toQuantity(receipt.type),
    status: receipt.isSuccess ? '0x1' : '0x0',
    transactionHash: toHex(tx.hash()),
    transactionIndex: toQuantity(index),
    blockHash: toHex(block.hash),
    blockNumber: toQuantity(block.header.number),
    from: toHex(receipt.sender),
    to: tx.to === undefined ? null : tx.to.toString(),
    contractAddress: receipt.contractAddress === null ? null : toHex(receipt.contractAddress),
    gasUsed: toQuantity(receipt.gasUsed),
    cumulativeGasUsed: toQuantity(receipt.cumulativeGasUsed),
    effectiveGasPrice: toQuantity(receipt.effectiveGasPrice),
    logs: placeLogs(block, receipts)
      .filter(({ transactionIndex }) => transactionIndex === index)
      .map(formatLog),
    logsBloom: toHex(bloomOf(receipt.logs)),
  };
}

/** Where a transaction stands: in a block, or nowhere yet. */
export type Placement = { readonly block: StoredBlock; readonly index: number; readonly receipt: Receipt } | null;

/** A transaction. */
export function formatTransaction(tx: TypedTransaction, sender: Uint8Array, place: Placement): Json {
  const json = tx.toJSON();
  const gasPrice = place === null ? feeCapOf(tx) : place.receipt.effectiveGasPrice;
  return {
    type: toQuantity(tx.type),
    hash: toHex(tx.hash()),
    nonce: toQuantity(tx.nonce),
    blockHash: place === null ? null : toHex(place.block.hash),
    blockNumber: place === null ? null : toQuantity(place.block.header.number),
    transactionIndex: place === null ? null : toQuantity(place.index),
    from: toHex(sender),
    to: tx.to === undefined ? null : tx.to.toString(),
    value: toQuantity(tx.value),
    gas: toQuantity(tx.gasLimit),
    gasPrice: toQuantity(gasPrice),
    ...('maxFeePerGas' in tx
      ? { maxFeePerGas: toQuantity(tx.maxFeePerGas), maxPriorityFeePerGas: toQuantity(tx.maxPriorityFeePerGas) }
      : {}),
    input: toHex(tx.data),
    chainId: toQuantity(tx.common.chainId()),
    ...(tx.type === 0 ? {} : { accessList: json.accessList ?? [], yParity: toQuantity(tx.v ?? 0n) }),
    ...(isEOACode7702Tx(tx) ? { authorizationList: formatAuthorizations(tx.authorizationList) } : {}),
    v: toQuantity(tx.v ?? 0n),
    r: toQuantity(tx.r ?? 0n),
    s: toQuantity(tx.s ?? 0n),
  };
}

function formatAuthorizations(list: readonly (readonly Uint8Array[])[]): Json[] {
  return list.map(([chainId, address, nonce, yParity, r, s]) => ({
    chainId: toQuantity(bytesToBig(chainId!)),
    address: toHex(address!),
    nonce: toQuantity(bytesToBig(nonce!)),
    yParity: toQuantity(bytesToBig(yParity!)),
    r: toQuantity(bytesToBig(r!)),
    s: toQuantity(bytesToBig(s!)),
  }));
}

/** A transaction of a block. */
export function formatPlaced(rules: Common, block: StoredBlock, receipts: readonly Receipt[], index: number): Json {
  const receipt = receipts[index]!;
  return formatTransaction(decodeStored(rules, block.transactions[index]!), receipt.sender, { block, index, receipt });
}

/** The block's RLP: [header, transactions, ommers, withdrawals] (EIP-4895). */
export function encodeBlock({ header, transactions }: StoredBlock): Uint8Array {
  const items = transactions.map((raw) => (raw[0]! < 0xc0 ? raw : decodeRlp(raw)));
  return encodeRlp([decodeRlp(encodeHeader(header)), items, [], []]);
}

/** A block; with `receipts`, its transactions in full, else their hashes. */
export function formatBlock(rules: Common, block: StoredBlock, receipts: readonly Receipt[] | undefined): Json {
  const { header } = block;
  return {
    number: toQuantity(header.number),
    hash: toHex(block.hash),
    parentHash: toHex(header.parentHash),
    sha3Uncles: toHex(EMPTY_LIST_HASH),
    logsBloom: toHex(header.logsBloom),
    transactionsRoot: toHex(header.transactionsRoot),
    stateRoot: toHex(header.stateRoot),
    receiptsRoot: toHex(header.receiptsRoot),
    miner: toHex(header.coinbase),
    difficulty: '0x0',
    extraData: toHex(header.extraData),
    size: toQuantity(encodeBlock(block).length),
    gasLimit: toQuantity(header.gasLimit),
    gasUsed: toQuantity(header.gasUsed),
    timestamp: toQuantity(header.timestamp),
    mixHash: toHex(header.prevRandao),
    nonce: toHex(ZERO_NONCE),
    baseFeePerGas: toQuantity(header.baseFeePerGas),
    withdrawalsRoot: toHex(EMPTY_ROOT),
    withdrawals: [],
    blobGasUsed: '0x0',
    excessBlobGas: '0x0',
    parentBeaconBlockRoot: toHex(ZERO_HASH),
    requestsHash: toHex(NO_REQUESTS_HASH),
    uncles: [],
    transactions:
      receipts === undefined
        ? block.transactions.map((raw) => toHex(keccak256(raw)))
        : block.transactions.map((_raw, index) => formatPlaced(rules, block, receipts, index)),
  };
}

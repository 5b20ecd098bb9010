/** What became of a transaction: the consensus receipt (EIP-658, 2718) and what readers ask for besides. */
import { bigToBytes, bytesToBig, concat } from '../bytes.ts';
import { decodeRlp, encodeRlp, type RlpInput, type RlpItem, rlpBytes, rlpList } from '../rlp.ts';
import { bloomOf } from './bloom.ts';

/** An event a contract emitted. */
export type Log = { readonly address: Uint8Array; readonly topics: readonly Uint8Array[]; readonly data: Uint8Array };

export type Receipt = {
  /** EIP-2718; 0 is a legacy transaction. */
  readonly type: number;
  readonly isSuccess: boolean;
  readonly gasUsed: bigint;
  /** Of this and the transactions before it in the block. */
  readonly cumulativeGasUsed: bigint;
  /** Wei for each gas that was paid. */
  readonly effectiveGasPrice: bigint;
  readonly sender: Uint8Array;
  /** Where a creation put its contract. */
  readonly contractAddress: Uint8Array | null;
  readonly logs: readonly Log[];
};

const NONE = new Uint8Array(0);

function logItem(log: Log): RlpInput {
  return [log.address, log.topics, log.data];
}

/** The bytes the receipts root commits to. */
export function encodeConsensusReceipt(receipt: Receipt): Uint8Array {
  const body = encodeRlp([
    receipt.isSuccess ? Uint8Array.of(1) : NONE,
    bigToBytes(receipt.cumulativeGasUsed),
    bloomOf(receipt.logs),
    receipt.logs.map(logItem),
  ]);
  return receipt.type === 0 ? body : concat(Uint8Array.of(receipt.type), body);
}

/** The receipts of a block, as they are stored. */
export function encodeReceipts(receipts: readonly Receipt[]): Uint8Array {
  return encodeRlp(
    receipts.map((receipt) => [
      bigToBytes(BigInt(receipt.type)),
      receipt.isSuccess ? Uint8Array.of(1) : NONE,
      bigToBytes(receipt.gasUsed),
      bigToBytes(receipt.cumulativeGasUsed),
      bigToBytes(receipt.effectiveGasPrice),
      receipt.sender,
      receipt.contractAddress ?? NONE,
      receipt.logs.map(logItem),
    ]),
  );
}

function decodeLog(item: RlpItem): Log {
  const [address, topics, data] = rlpList(item);
  return { address: rlpBytes(address), topics: rlpList(topics).map(rlpBytes), data: rlpBytes(data) };
}

function decodeReceipt(item: RlpItem): Receipt {
  const [type, status, gasUsed, cumulative, price, sender, contract, logs] = rlpList(item);
  const contractAddress = rlpBytes(contract);
  return {
    type: Number(bytesToBig(rlpBytes(type))),
    isSuccess: rlpBytes(status).length > 0,
    gasUsed: bytesToBig(rlpBytes(gasUsed)),
    cumulativeGasUsed: bytesToBig(rlpBytes(cumulative)),
    effectiveGasPrice: bytesToBig(rlpBytes(price)),
    sender: rlpBytes(sender),
    contractAddress: contractAddress.length === 0 ? null : contractAddress,
    logs: rlpList(logs).map(decodeLog),
  };
}

/** Reverses `encodeReceipts`. @throws RlpError */
export function decodeReceipts(bytes: Uint8Array): Receipt[] {
  return rlpList(decodeRlp(bytes)).map(decodeReceipt);
}

/** A sealed block, and where blocks are kept. */
import type { SealedState, StateSource } from '../state/journaled-state.ts';
import type { Header } from './header.ts';
import type { Receipt } from './receipt.ts';

/** A block as readers see it. */
export type StoredBlock = {
  readonly hash: Uint8Array;
  readonly header: Header;
  /** EIP-2718 envelopes (legacy: the RLP list), in order. */
  readonly transactions: readonly Uint8Array[];
};

/** A block with all that has to become durable with it. */
export type SealedBlock = StoredBlock & {
  readonly transactionHashes: readonly Uint8Array[];
  readonly receipts: readonly Receipt[];
  readonly state: SealedState;
};

/** Where a transaction stands. */
export type TransactionPlace = { readonly blockNumber: number; readonly index: number };

/** Which logs: each list is "one of"; empty matches all. Positions of topics as in the log. */
export type LogCriteria = {
  readonly addresses: readonly Uint8Array[];
  readonly topics: readonly (readonly Uint8Array[])[];
};

/** The durable chain. Everything it answers was synced before. Block numbers are safe integers. */
export interface ChainReader extends StateSource {
  /** The last durable block. */
  headNumber(): number;
  findBlock(blockNumber: number): StoredBlock | undefined;
  findBlockNumber(blockHash: Uint8Array): number | undefined;
  findReceipts(blockNumber: number): readonly Receipt[] | undefined;
  findTransaction(transactionHash: Uint8Array): TransactionPlace | undefined;
  /**
   * Numbers of blocks in [from, to], ascending, whose logs may meet the criteria, or undefined where the index knows
   * nothing about them or would have to read more than `keysMax` entries.
   */
  listLogBlocks(criteria: LogCriteria, from: number, to: number, keysMax: number): Promise<number[] | undefined>;
}

/**
 * The one writer's view. `append` makes a block and everything of it durable in one synced batch, or nothing of it; a
 * rejected append leaves the store unusable until it is opened anew. At most one append runs at a time. `stage` lets
 * nodes and code of a block that is not appended yet be read; its append takes them over.
 */
export interface ChainStore extends ChainReader {
  stage(state: SealedState): void;
  append(block: SealedBlock): Promise<void>;
}

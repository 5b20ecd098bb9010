import type { MemberRecord, ParamRecord, Settings } from './model.ts';

/** A block as governance needs it. `timestamp` is seconds since 1970 (UTC). */
export interface ChainBlock {
  readonly number: number;
  readonly hash: string;
  readonly timestamp: number;
}

export interface ChainLog {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly blockNumber: number;
  readonly logIndex: number;
  readonly transactionHash: string;
}

/**
 * The chain, read. Everything but `head` and `findBlock` is as of the block it names. Rejects with
 * DEPENDENCY_UNAVAILABLE when the chain cannot be asked.
 */
export interface ChainReader {
  head(): Promise<ChainBlock>;
  findBlock(number: number): Promise<ChainBlock | undefined>;
  /** Blocks by number, for their times; every one must exist. */
  getBlocks(numbers: readonly number[]): Promise<ChainBlock[]>;
  /** Events of the governance contracts in `[from, to]`, in the order of the chain. */
  listLogs(from: number, to: number): Promise<ChainLog[]>;
  getSettings(block: number): Promise<Settings>;
  listParams(block: number): Promise<ParamRecord[]>;
  listMembers(block: number): Promise<MemberRecord[]>;
  /** Quorum and super quorum of a snapshot that is before the block's time. */
  getQuorums(snapshot: number, block: number): Promise<{ quorum: bigint; superQuorum: bigint }>;
  /** Votes an account had at a time before the head's; its votes now where the time is not past. */
  getVotesAt(address: string, timestamp: number): Promise<bigint>;
}

export interface ChainReceipt {
  readonly transactionHash: string;
  readonly blockNumber: number;
  readonly isSuccess: boolean;
}

/** What the chain answers to a transaction it will not take. */
export type SendOutcome =
  | { readonly kind: 'sent' }
  /** The sender's nonce was used by another transaction. */
  | { readonly kind: 'nonceUsed' }
  | { readonly kind: 'refused'; readonly reason: string };

/** The chain, written to. Sending the same bytes again is harmless. */
export interface ChainWriter {
  sendTransaction(rawTransaction: string): Promise<SendOutcome>;
  findReceipt(transactionHash: string): Promise<ChainReceipt | undefined>;
  /** The next nonce of an account, transactions in the pool counted. */
  getNextNonce(address: string): Promise<number>;
  /** Why a call fails now: the error's name with its arguments; undefined if it succeeds. */
  findRefusal(call: { readonly from: string; readonly to: string; readonly data: string }): Promise<string | undefined>;
}

import type { MemberRecord, ParamChangeRecord, ParamRecord, ProposalRecord, Settings, VoteRecord } from './model.ts';

/** Up to where the chain is indexed. `timestamp` is the block's, seconds since 1970. */
export interface IndexPosition {
  readonly genesisHash: string;
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly timestamp: number;
  /** Whether `CurrentState` is older than this block's events. */
  readonly isCurrentStale: boolean;
}

/** What one step of the indexer adds. Records replace those of the same key; absent lists change nothing. */
export interface IndexChange {
  readonly position: IndexPosition;
  readonly proposals: readonly ProposalRecord[];
  readonly votes: readonly VoteRecord[];
  readonly paramChanges: readonly ParamChangeRecord[];
  /** All of them, in place of those before. */
  readonly current?: CurrentState;
}

/** What the contracts hold as of a block, read from them rather than summed from events. */
export interface CurrentState {
  readonly settings: Settings;
  readonly params: readonly ParamRecord[];
  readonly members: readonly MemberRecord[];
}

export interface PageOptions {
  readonly limit: number;
  /** The position of the last item of the page before, as `[blockNumber, logIndex]`. */
  readonly after?: readonly [number, number] | undefined;
}

/**
 * The chain's governance events in a form that can be listed. A change is applied whole or not at all, and becomes
 * visible at once. Nothing in it is original: it may be deleted and is then rebuilt from the chain.
 */
export interface GovernanceIndex {
  /** Undefined before the first change. */
  findPosition(): IndexPosition | undefined;
  /** Undefined until the indexer first reached the chain's head. */
  findCurrent(): CurrentState | undefined;
  findProposal(proposalId: bigint): ProposalRecord | undefined;
  /** Newest first. */
  listProposals(page: PageOptions): AsyncIterable<ProposalRecord>;
  /** Those not marked final, oldest first. */
  listOpenProposals(): AsyncIterable<ProposalRecord>;
  /** Leaves it out of `listOpenProposals` from now on. */
  markFinal(proposalId: bigint): Promise<void>;
  /** The first vote of a voter on a proposal. */
  findVote(proposalId: bigint, voter: string): VoteRecord | undefined;
  /** Oldest first. */
  listVotes(proposalId: bigint, page: PageOptions): AsyncIterable<VoteRecord>;
  /** Newest first. */
  listParamChanges(key: string, page: PageOptions): AsyncIterable<ParamChangeRecord>;
  apply(change: IndexChange): Promise<void>;
  /** Forgets everything. */
  clear(): Promise<void>;
}

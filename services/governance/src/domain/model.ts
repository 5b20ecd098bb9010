import type { ProposalCall } from '@lucid/contracts/governor';

/** Where an event stands on the chain. Times are seconds since 1970 (UTC). */
export interface ChainPosition {
  readonly blockNumber: number;
  readonly timestamp: number;
  readonly logIndex: number;
  readonly transactionHash: string;
}

/** Votes as counted; whole numbers. */
export interface VoteTally {
  readonly for: bigint;
  readonly against: bigint;
  readonly abstain: bigint;
}

export const emptyTally: VoteTally = { for: 0n, against: 0n, abstain: 0n };

/** A proposal as its events tell it. Its state follows from this and the time: `proposal-state.ts`. */
export interface ProposalRecord {
  readonly proposalId: bigint;
  readonly proposer: string;
  readonly calls: readonly ProposalCall[];
  /** As on chain, the proposer's mark included. */
  readonly description: string;
  readonly createdAt: ChainPosition;
  readonly voteStart: number;
  readonly voteEnd: number;
  readonly votes: VoteTally;
  /** Known once a block after the snapshot was seen, which every vote is in. */
  readonly quorum?: bigint;
  readonly superQuorum?: bigint;
  readonly queuedAt?: ChainPosition;
  /** When its timelock ends. */
  readonly eta?: number;
  readonly executedAt?: ChainPosition;
  readonly canceledAt?: ChainPosition;
}

export interface VoteRecord {
  readonly proposalId: bigint;
  readonly voter: string;
  readonly support: 'for' | 'against' | 'abstain' | 'split';
  /** How the weight was used; one part of it unless the vote was split. */
  readonly votes: VoteTally;
  readonly reason: string;
  readonly castAt: ChainPosition;
}

export interface ParamRecord {
  readonly key: string;
  readonly value: bigint;
  readonly min: bigint;
  readonly max: bigint;
}

/** A value a parameter took; the first one is genesis'. */
export interface ParamChangeRecord {
  readonly key: string;
  readonly value: bigint;
  readonly previousValue?: bigint;
  readonly changedAt: ChainPosition;
  readonly proposalId?: bigint;
}

export interface MemberRecord {
  readonly address: string;
  readonly seats: bigint;
  readonly votingPower: bigint;
  readonly delegate: string;
}

/** The rules as the contracts hold them now. */
export interface Settings {
  readonly chainId: number;
  readonly guardian: string;
  readonly votingDelaySec: number;
  readonly votingPeriodSec: number;
  readonly timelockDelaySec: number;
  readonly lateQuorumExtensionSec: number;
  readonly quorumPercent: number;
  readonly superQuorumPercent: number;
  readonly proposalThreshold: bigint;
  readonly totalSeats: bigint;
}

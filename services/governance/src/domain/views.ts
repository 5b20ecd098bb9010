import type { Member, Param, ParamChange, Proposal, RelayStatus, Vote } from '@lucid/common/apis/governance-schemas';
import { formatTime } from '@lucid/common/runtime/clock';
import { paramSpecs } from '@lucid/contracts/params';
import { describeCall } from './actions.ts';
import { parseDescription } from './description.ts';
import type { MemberRecord, ParamChangeRecord, ParamRecord, ProposalRecord, VoteRecord, VoteTally } from './model.ts';
import { proposalState } from './proposal-state.ts';
import type { RelayRecord } from './relay.ts';

// Records in the words of the API.

export function toProposalView(
  proposal: ProposalRecord,
  now: number,
  relays: { readonly queue?: RelayRecord | undefined; readonly execute?: RelayRecord | undefined },
): Proposal {
  const { createdAt, eta, executedAt, canceledAt, quorum, superQuorum } = proposal;
  return {
    proposalId: String(proposal.proposalId),
    state: proposalState(proposal, now),
    proposer: proposal.proposer,
    ...parseDescription(proposal.description),
    calls: proposal.calls.map(describeCall),
    createdAt: toTime(createdAt.timestamp),
    voteStartAt: toTime(proposal.voteStart),
    voteEndAt: toTime(proposal.voteEnd),
    ...(eta === undefined ? {} : { executableAt: toTime(eta) }),
    ...(executedAt === undefined ? {} : { executedAt: toTime(executedAt.timestamp) }),
    ...(canceledAt === undefined ? {} : { canceledAt: toTime(canceledAt.timestamp) }),
    votes: toTallyView(proposal.votes),
    ...(quorum === undefined ? {} : { quorum: String(quorum) }),
    ...(superQuorum === undefined ? {} : { superQuorum: String(superQuorum) }),
    transactionHash: createdAt.transactionHash,
    blockNumber: createdAt.blockNumber,
    ...(relays.queue ? { queueing: toRelayView(relays.queue) } : {}),
    ...(relays.execute ? { execution: toRelayView(relays.execute) } : {}),
  };
}

export function toVoteView(vote: VoteRecord): Vote {
  const { votes, castAt, support } = vote;
  return {
    proposalId: String(vote.proposalId),
    voter: vote.voter,
    support,
    weight: String(votes.for + votes.against + votes.abstain),
    ...(support === 'split' ? { split: toTallyView(votes) } : {}),
    reason: vote.reason,
    castAt: toTime(castAt.timestamp),
    transactionHash: castAt.transactionHash,
    blockNumber: castAt.blockNumber,
  };
}

export function toRelayView({ status, updatedAt, attempt, transactionHash, reason }: RelayRecord): RelayStatus {
  const hash = transactionHash ?? attempt?.transactionHash;
  return {
    status,
    updatedAt: formatTime(updatedAt),
    ...(hash === undefined ? {} : { transactionHash: hash }),
    ...(reason === undefined ? {} : { reason }),
  };
}

export function toParamView({ key, value, min, max }: ParamRecord): Param {
  const spec = paramSpecs.find((candidate) => candidate.key === key);
  const { unit = '', description = '' } = spec ?? {};
  return { key, unit, description, value: String(value), min: String(min), max: String(max) };
}

export function toParamChangeView(change: ParamChangeRecord): ParamChange {
  const { key, value, previousValue, changedAt, proposalId } = change;
  return {
    key,
    value: String(value),
    ...(previousValue === undefined ? {} : { previousValue: String(previousValue) }),
    changedAt: toTime(changedAt.timestamp),
    blockNumber: changedAt.blockNumber,
    ...(changedAt.transactionHash === '' ? {} : { transactionHash: changedAt.transactionHash }),
    ...(proposalId === undefined ? {} : { proposalId: String(proposalId) }),
  };
}

export function toMemberView({ address, seats, votingPower, delegate }: MemberRecord): Member {
  return { address, seats: String(seats), votingPower: String(votingPower), delegate };
}

function toTallyView(tally: VoteTally) {
  return { for: String(tally.for), against: String(tally.against), abstain: String(tally.abstain) };
}

function toTime(seconds: number): string {
  return formatTime(seconds * 1000);
}

import { contractAddresses } from '@lucid/contracts/addresses';
import { findGovernorEvent, type GovernorEvent } from '@lucid/contracts/governor';
import { findParamUpdate } from '@lucid/contracts/params';
import { dataSlice } from 'ethers';
import type { ChainLog } from './chain.ts';
import {
  type ChainPosition,
  emptyTally,
  type ParamChangeRecord,
  type ProposalRecord,
  type VoteRecord,
  type VoteTally,
} from './model.ts';

export interface AppliedLogs {
  readonly proposals: ReadonlyMap<bigint, ProposalRecord>;
  readonly votes: readonly VoteRecord[];
  readonly paramChanges: readonly ParamChangeRecord[];
  /** Whether seats, parameters or rules changed, so that they must be read anew. */
  readonly isCurrentStale: boolean;
}

export interface ApplyContext {
  /** Seconds since 1970, by block number. */
  readonly timestamps: ReadonlyMap<number, number>;
  readonly findProposal: (proposalId: bigint) => ProposalRecord | undefined;
}

type ProposalEvent = Exclude<GovernorEvent, { kind: 'proposalCreated' }>;

/** What a run of logs, in the order of the chain, does to the records. Genesis' own logs are not among them. */
export function applyLogs(logs: readonly ChainLog[], context: ApplyContext): AppliedLogs {
  const proposals = new Map<bigint, ProposalRecord>();
  const votes: VoteRecord[] = [];
  let isCurrentStale = false;
  for (const log of logs) {
    const event = isFrom(log, contractAddresses.LucidGovernor) ? findGovernorEvent(log) : undefined;
    if (event === undefined) {
      isCurrentStale ||= !isTimelockTraffic(log);
      continue;
    }
    const at = positionOf(log, context.timestamps);
    if (event.kind === 'voteCast') votes.push(toVote(event, at));
    const before = proposals.get(event.proposalId) ?? context.findProposal(event.proposalId);
    const after = event.kind === 'proposalCreated' ? toProposal(event, at) : before && applyEvent(before, event, at);
    if (after) proposals.set(event.proposalId, after);
  }
  return { proposals, votes, paramChanges: toParamChanges(logs, context.timestamps), isCurrentStale };
}

function applyEvent(proposal: ProposalRecord, event: ProposalEvent, at: ChainPosition): ProposalRecord {
  switch (event.kind) {
    case 'voteCast':
      return { ...proposal, votes: addTallies(proposal.votes, talliesOf(event)) };
    case 'proposalQueued':
      return { ...proposal, queuedAt: at, eta: event.eta };
    case 'proposalExtended':
      return { ...proposal, voteEnd: event.voteEnd };
    case 'proposalExecuted':
      return { ...proposal, executedAt: at };
    case 'proposalCanceled':
      return { ...proposal, canceledAt: at };
  }
}

function toProposal(event: Extract<GovernorEvent, { kind: 'proposalCreated' }>, at: ChainPosition): ProposalRecord {
  const { proposalId, proposer, calls, description, voteStart, voteEnd } = event;
  return { proposalId, proposer, calls, description, createdAt: at, voteStart, voteEnd, votes: emptyTally };
}

type VoteCast = Extract<GovernorEvent, { kind: 'voteCast' }>;

const supportNames = ['against', 'for', 'abstain'] as const;

function toVote(event: VoteCast, castAt: ChainPosition): VoteRecord {
  const { proposalId, voter, support, reason } = event;
  return { proposalId, voter, support: supportNames[support] ?? 'split', votes: talliesOf(event), reason, castAt };
}

/** GovernorCountingFractional: a split vote's parameters are three uint128, against, for and abstain. */
function talliesOf({ support, weight, params }: VoteCast): VoteTally {
  const name = supportNames[support];
  if (name !== undefined) return { ...emptyTally, [name]: weight };
  const part = (index: number) => BigInt(dataSlice(params, 16 * index, 16 * (index + 1)));
  return { against: part(0), for: part(1), abstain: part(2) };
}

function addTallies(a: VoteTally, b: VoteTally): VoteTally {
  return { for: a.for + b.for, against: a.against + b.against, abstain: a.abstain + b.abstain };
}

/** A parameter changes inside the transaction that executes its proposal, which names the proposal. */
function toParamChanges(logs: readonly ChainLog[], timestamps: ReadonlyMap<number, number>): ParamChangeRecord[] {
  const executed = new Map<string, bigint>();
  for (const log of logs) {
    const event = isFrom(log, contractAddresses.LucidGovernor) ? findGovernorEvent(log) : undefined;
    if (event?.kind === 'proposalExecuted') executed.set(log.transactionHash, event.proposalId);
  }
  return logs.flatMap((log) => {
    const update = isFrom(log, contractAddresses.LucidParams) ? findParamUpdate(log) : undefined;
    if (update === undefined) return [];
    const proposalId = executed.get(log.transactionHash);
    const change = { key: update.key, value: update.newValue, previousValue: update.oldValue };
    return [{ ...change, changedAt: positionOf(log, timestamps), ...(proposalId === undefined ? {} : { proposalId }) }];
  });
}

/** Scheduling and executing change no rule; the timelock's one rule announces itself by MinDelayChange. */
function isTimelockTraffic(log: ChainLog): boolean {
  return isFrom(log, contractAddresses.TimelockController) && log.topics[0] !== minDelayChangeTopic;
}

/** keccak256("MinDelayChange(uint256,uint256)"). */
const minDelayChangeTopic = '0x11c24f4ead16507c69ac467fbd5e4eed5fb5c699626d2cc6d66421df253886d5';

function positionOf(log: ChainLog, timestamps: ReadonlyMap<number, number>): ChainPosition {
  const { blockNumber, logIndex, transactionHash } = log;
  return { blockNumber, logIndex, transactionHash, timestamp: timestamps.get(blockNumber) ?? 0 };
}

function isFrom(log: ChainLog, address: string): boolean {
  return log.address.toLowerCase() === address.toLowerCase();
}

import type { ProposalState } from '@lucid/common/apis/governance-schemas';
import type { ProposalRecord } from './model.ts';

/**
 * The state of a proposal at `now` (seconds since 1970), by the rules of OpenZeppelin's Governor with super quorum and
 * timelock. The chain is not asked, because it cannot say: it makes no empty blocks, so its last block may be from
 * before a vote began. The next transaction will meet the state computed here.
 */
export function proposalState(proposal: ProposalRecord, now: number): ProposalState {
  if (proposal.executedAt) return 'executed';
  if (proposal.canceledAt) return 'canceled';
  if (proposal.eta !== undefined) return 'queued';
  if (now <= proposal.voteStart) return 'pending';
  if (now <= proposal.voteEnd) return isDecidedEarly(proposal) ? 'succeeded' : 'active';
  return hasQuorum(proposal) && hasMajority(proposal) ? 'succeeded' : 'defeated';
}

/** Whether nothing can happen to it any more. */
export function isFinal(proposal: ProposalRecord, now: number): boolean {
  return ['executed', 'canceled', 'defeated'].includes(proposalState(proposal, now));
}

function isDecidedEarly(proposal: ProposalRecord): boolean {
  const { superQuorum, votes } = proposal;
  return superQuorum !== undefined && votes.for >= superQuorum && hasQuorum(proposal) && hasMajority(proposal);
}

/** Without a vote the quorum is unknown here, and it does not matter: there is no majority either. */
function hasQuorum({ quorum, votes }: ProposalRecord): boolean {
  return quorum !== undefined && votes.for + votes.abstain >= quorum;
}

function hasMajority({ votes }: ProposalRecord): boolean {
  return votes.for > votes.against;
}

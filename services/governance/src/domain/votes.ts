import type { NewVote, PreparedVote, SignedVote, Vote } from '@lucid/common/apis/governance-schemas';
import { contractAddresses } from '@lucid/contracts/addresses';
import { ballotNonce, ballotTypedData, encodeCastVote } from '@lucid/contracts/governor';
import { verifyTypedData } from 'ethers';
import { governanceError } from '../errors.ts';
import { toAddress } from './actions.ts';
import { chainNow } from './executor.ts';
import { type Governance, getCurrent, getProposal, stateError } from './governance.ts';
import type { ProposalRecord } from './model.ts';
import { proposalState } from './proposal-state.ts';
import type { RelayRecord } from './relay.ts';
import { parseGovernorTransaction } from './signed-transaction.ts';
import { isIncluded, submit } from './submit.ts';
import { parseUint256 } from './uint256.ts';
import { toVoteView } from './views.ts';

/** What a voter signs: a transaction of its own, or the EIP-712 message that this service relays. */
export async function prepareVote(governance: Governance, id: string, vote: NewVote): Promise<PreparedVote> {
  const { chainId } = getCurrent(governance).settings;
  const proposal = getProposal(governance, id);
  const voter = toAddress(vote.voter);
  await verifyMayVote(governance, proposal, voter);
  const { proposalId } = proposal;
  const reason = vote.reason ?? '';
  const typedData = ballotTypedData(
    chainId,
    { proposalId, support: vote.support, voter, reason },
    ballotNonce(proposalId),
  );
  return {
    transaction: {
      chainId,
      to: contractAddresses.LucidGovernor,
      data: encodeCastVote(proposalId, vote.support, reason),
      value: '0',
    },
    typedData: { ...typedData, message: jsonMessage(typedData.message) },
  };
}

const voteMethods = ['castVote', 'castVoteWithReason', 'castVoteWithReasonAndParams'];

/** Sends a signed vote transaction; answers the vote once it is counted. */
export async function createVote(governance: Governance, id: string, rawTransaction: string): Promise<Vote> {
  const { chainId } = getCurrent(governance).settings;
  const proposal = getProposal(governance, id);
  const transaction = parseGovernorTransaction(rawTransaction, { chainId, methods: voteMethods });
  if (transaction.args[0] !== proposal.proposalId) {
    throw governanceError('GOVERNANCE_TRANSACTION_INVALID', `It votes on proposal ${String(transaction.args[0])}.`);
  }
  if (!(await isIncluded(governance, transaction))) verifyVotable(governance, proposal, transaction.from);
  await submit(governance, transaction);
  const vote = governance.index.findVote(proposal.proposalId, transaction.from);
  if (vote === undefined) throw governanceError('INTERNAL', 'The vote succeeded, but the index does not have it.');
  return toVoteView(vote);
}

/** Takes a signed vote to be relayed; when it answers, the vote is durable. */
export async function createSignedVote(governance: Governance, id: string, signed: SignedVote): Promise<RelayRecord> {
  const { chainId } = getCurrent(governance).settings;
  const proposal = getProposal(governance, id);
  const { proposalId } = proposal;
  const { support, signature, reason = '' } = signed;
  const voter = toAddress(signed.voter);
  verifySignature(chainId, { proposalId, support, voter, reason, signature });
  const job = { kind: 'vote', proposalId: String(proposalId), voter, support, reason, signature } as const;
  const found = governance.relay.find(job);
  if (found && found.status !== 'refused') {
    if (found.job.kind === 'vote' && found.job.support === support) return found;
    throw governanceError('GOVERNANCE_VOTE_EXISTS', `Another vote of ${voter} is on its way.`);
  }
  await governance.indexer.sync();
  await verifyMayVote(governance, getProposal(governance, id), voter);
  return await governance.relay.enqueue(job);
}

/** @throws GOVERNANCE_VOTE_NOT_FOUND */
export function getSignedVote(governance: Governance, id: string, voter: string): RelayRecord {
  const proposalId = String(parseUint256(id) ?? '');
  const record = governance.relay.find({ kind: 'vote', proposalId, voter });
  if (record === undefined) throw governanceError('GOVERNANCE_VOTE_NOT_FOUND', `${voter} handed in no vote here.`);
  return record;
}

async function verifyMayVote(governance: Governance, proposal: ProposalRecord, voter: string): Promise<void> {
  verifyVotable(governance, proposal, voter);
  const votes = await governance.chain.getVotesAt(voter, proposal.voteStart);
  if (votes > 0n) return;
  const detail = `${voter} had no votes when the vote started.`;
  throw governanceError('GOVERNANCE_VOTING_POWER_MISSING', detail);
}

function verifyVotable(governance: Governance, proposal: ProposalRecord, voter: string): void {
  const state = proposalState(proposal, chainNow(governance));
  if (state !== 'active') throw stateError(state, 'voted on');
  if (governance.index.findVote(proposal.proposalId, voter) === undefined) return;
  throw governanceError('GOVERNANCE_VOTE_EXISTS', `${voter} has voted.`);
}

type BallotToVerify = Parameters<typeof ballotTypedData>[1] & { readonly signature: string };

function verifySignature(chainId: number, { signature, ...vote }: BallotToVerify): void {
  const { domain, types, message } = ballotTypedData(chainId, vote, ballotNonce(vote.proposalId));
  if (recover(() => verifyTypedData(domain, types, message, signature)) === vote.voter) return;
  throw governanceError('GOVERNANCE_SIGNATURE_INVALID', `The signature is not ${vote.voter}'s over this vote.`);
}

function recover(verify: () => string): string | undefined {
  try {
    return verify();
  } catch {
    return undefined;
  }
}

/** Numbers of a typed message as strings: JSON has no others of this size, and wallets take them. */
function jsonMessage(message: object): Record<string, unknown> {
  const entries = Object.entries(message).map(([key, value]) => [
    key,
    typeof value === 'bigint' ? String(value) : value,
  ]);
  return Object.fromEntries(entries) as Record<string, unknown>;
}

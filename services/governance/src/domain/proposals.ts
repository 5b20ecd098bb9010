import type { NewProposal, PreparedProposal, Proposal } from '@lucid/common/apis/governance-schemas';
import { contractAddresses } from '@lucid/contracts/addresses';
import { encodePropose, hashProposal, type ProposalCall, proposalId } from '@lucid/contracts/governor';
import { governanceError } from '../errors.ts';
import { describeCall, toAddress, toCall } from './actions.ts';
import { encodeDescription } from './description.ts';
import { chainNow, dueJob } from './executor.ts';
import { type Governance, getCurrent, getProposal, stateError, viewProposal } from './governance.ts';
import { proposalState } from './proposal-state.ts';
import type { RelayRecord } from './relay.ts';
import { type GovernorTransaction, parseGovernorTransaction } from './signed-transaction.ts';
import { isIncluded, submit } from './submit.ts';

/** Turns actions into the transaction that proposes them; nothing is stored. */
export async function prepareProposal(governance: Governance, input: NewProposal): Promise<PreparedProposal> {
  const current = getCurrent(governance);
  const proposer = toAddress(input.proposer);
  const calls = input.actions.map((action) => toCall(action, current));
  const description = encodeDescription(input.title, input.description ?? '', proposer);
  const id = proposalId(calls, description);
  if (governance.index.findProposal(id) !== undefined) {
    throw governanceError('GOVERNANCE_PROPOSAL_EXISTS', `These calls with this text are proposal ${id}.`);
  }
  await verifyMayPropose(governance, proposer, current.settings.proposalThreshold);
  return {
    proposalId: String(id),
    description,
    calls: calls.map(describeCall),
    transaction: {
      chainId: current.settings.chainId,
      to: contractAddresses.LucidGovernor,
      data: encodePropose(calls, description),
      value: '0',
    },
  };
}

async function verifyMayPropose(governance: Governance, proposer: string, threshold: bigint): Promise<void> {
  const votes = await governance.chain.getVotesAt(proposer, chainNow(governance) - 1);
  if (votes >= threshold) return;
  const detail = `${proposer} has ${votes} votes; proposing takes ${threshold}.`;
  throw governanceError('GOVERNANCE_VOTING_POWER_MISSING', detail);
}

/** Sends a signed `propose`; answers the proposal once it is in a block. */
export async function createProposal(governance: Governance, rawTransaction: string): Promise<Proposal> {
  const { chainId } = getCurrent(governance).settings;
  const transaction = parseGovernorTransaction(rawTransaction, { chainId, methods: ['propose'] });
  await submit(governance, transaction);
  return viewProposal(governance, getProposal(governance, String(proposedId(transaction))));
}

function proposedId({ args }: GovernorTransaction): bigint {
  return proposalId(callsOf(args), String(args[3]));
}

/** The first three arguments of `propose` and of the long `cancel`. */
function callsOf(args: readonly unknown[]): ProposalCall[] {
  const [targets, values, calldatas] = args as [string[], bigint[], string[]];
  return targets.map((target, i) => ({ target, value: values[i] ?? 0n, data: calldatas[i] ?? '0x' }));
}

/** Sends a signed `cancel`, in either of its two forms. */
export async function cancelProposal(governance: Governance, id: string, rawTransaction: string): Promise<Proposal> {
  const { chainId } = getCurrent(governance).settings;
  const proposal = getProposal(governance, id);
  const transaction = parseGovernorTransaction(rawTransaction, { chainId, methods: ['cancel'] });
  const { args } = transaction;
  const target = args.length === 1 ? args[0] : hashProposal(callsOf(args), String(args[3]));
  if (target !== proposal.proposalId) {
    throw governanceError('GOVERNANCE_TRANSACTION_INVALID', `It cancels proposal ${String(target)}.`);
  }
  const state = proposalState(proposal, chainNow(governance));
  if (
    ['executed', 'defeated'].includes(state) ||
    (state === 'canceled' && !(await isIncluded(governance, transaction)))
  ) {
    throw stateError(state, 'canceled');
  }
  await submit(governance, transaction);
  return viewProposal(governance, getProposal(governance, id));
}

/** Has the relayer queue or execute a proposal; what is done or on its way is answered as it is. */
export async function carryOut(governance: Governance, kind: 'queue' | 'execute', id: string): Promise<RelayRecord> {
  await governance.indexer.sync();
  const proposal = getProposal(governance, id);
  const found = governance.relay.find({ kind, proposalId: String(proposal.proposalId) });
  if (found && found.status !== 'refused') return found;
  const now = chainNow(governance);
  const job = dueJob(proposal, now);
  if (job?.kind !== kind) throw stateError(proposalState(proposal, now), kind === 'queue' ? 'queued' : 'executed');
  return await governance.relay.enqueue(job);
}

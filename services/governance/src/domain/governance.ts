import { commonError } from '@lucid/common/apis/error-factory';
import type { Proposal } from '@lucid/common/apis/governance-schemas';
import type { Clock } from '@lucid/common/runtime/clock';
import { governanceError } from '../errors.ts';
import type { ChainReader, ChainWriter } from './chain.ts';
import { chainNow } from './executor.ts';
import type { CurrentState, GovernanceIndex } from './governance-index.ts';
import type { Indexer } from './indexer.ts';
import type { ProposalRecord } from './model.ts';
import type { Relay } from './relay.ts';
import { parseUint256 } from './uint256.ts';
import { toProposalView } from './views.ts';

/** Everything the operations of this service stand on. */
export interface Governance {
  readonly chain: ChainReader & ChainWriter;
  readonly index: GovernanceIndex;
  readonly indexer: Pick<Indexer, 'sync'>;
  readonly relay: Relay;
  readonly clock: Clock;
  readonly receiptTimeoutMs: number;
}

/** @throws DEPENDENCY_UNAVAILABLE until the chain was read for the first time */
export function getCurrent({ index }: Pick<Governance, 'index'>): CurrentState {
  const current = index.findCurrent();
  if (current === undefined)
    throw commonError('DEPENDENCY_UNAVAILABLE', 'The chain was not read yet.', { retryAfterSec: 1 });
  return current;
}

/** @throws GOVERNANCE_PROPOSAL_NOT_FOUND */
export function getProposal({ index }: Pick<Governance, 'index'>, proposalId: string): ProposalRecord {
  const id = parseUint256(proposalId);
  const proposal = id === undefined ? undefined : index.findProposal(id);
  if (proposal === undefined) {
    throw governanceError('GOVERNANCE_PROPOSAL_NOT_FOUND', `There is no proposal ${proposalId}.`);
  }
  return proposal;
}

/** A proposal as the API shows it now. */
export function viewProposal(governance: Governance, proposal: ProposalRecord): Proposal {
  const proposalId = String(proposal.proposalId);
  return toProposalView(proposal, chainNow(governance), {
    queue: governance.relay.find({ kind: 'queue', proposalId }),
    execute: governance.relay.find({ kind: 'execute', proposalId }),
  });
}

/** GOVERNANCE_STATE_INVALID with the state the proposal is in. */
export function stateError(state: string, wanted: string) {
  const detail = `The proposal is ${state}; it cannot be ${wanted} now.`;
  return governanceError('GOVERNANCE_STATE_INVALID', detail, { data: { state } });
}

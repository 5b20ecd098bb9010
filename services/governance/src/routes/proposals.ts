import { governanceApi } from '@lucid/common/apis/governance';
import type { Proposal, ProposalState } from '@lucid/common/apis/governance-schemas';
import { implement } from '@lucid/common/http/implement';
import type { FastifyInstance } from 'fastify';
import { chainNow } from '../domain/executor.ts';
import { type Governance, getCurrent, getProposal, viewProposal } from '../domain/governance.ts';
import type { PageOptions } from '../domain/governance-index.ts';
import type { ProposalRecord } from '../domain/model.ts';
import { proposalState } from '../domain/proposal-state.ts';
import { cancelProposal, carryOut, createProposal, prepareProposal } from '../domain/proposals.ts';
import { toRelayView } from '../domain/views.ts';
import { placeCursor } from './paging.ts';

const proposalCursor = placeCursor('proposals@1');

export async function proposalRoutes(app: FastifyInstance, governance: Governance): Promise<void> {
  await implement(app, governanceApi, {
    prepareProposal: ({ body }) => prepareProposal(governance, body),
    createProposal: ({ body }) => createProposal(governance, body.rawTransaction),
    listProposals: async ({ query: { limit = 50, cursor, state, proposer } }) => {
      getCurrent(governance);
      const after = proposalCursor.decode(cursor);
      return await searchProposals(governance, { state, proposer }, { limit, after });
    },
    getProposal: ({ params }) => viewProposal(governance, getProposal(governance, params.proposalId)),
    cancelProposal: ({ params, body }) => cancelProposal(governance, params.proposalId, body.rawTransaction),
    queueProposal: async ({ params }) => toRelayView(await carryOut(governance, 'queue', params.proposalId)),
    executeProposal: async ({ params }) => toRelayView(await carryOut(governance, 'execute', params.proposalId)),
  });
}

/** Proposals one request looks at; anybody may search, and members may have written long ones. */
const searchedMax = 500;

interface ProposalFilter {
  readonly state: ProposalState | undefined;
  readonly proposer: string | undefined;
}

/** A page of what the filter lets through; where the search stopped before its page was full, `next` goes on. */
async function searchProposals(
  governance: Governance,
  { state, proposer }: ProposalFilter,
  { limit, after }: PageOptions,
): Promise<{ items: Proposal[]; next?: string }> {
  const now = chainNow(governance);
  const wanted = proposer?.toLowerCase();
  const items: Proposal[] = [];
  let last: ProposalRecord | undefined;
  let searched = 0;
  for await (const proposal of governance.index.listProposals({ limit: searchedMax + 1, after })) {
    if (last !== undefined && (items.length === limit || searched === searchedMax)) {
      return { items, next: proposalCursor.encode(last.createdAt) };
    }
    const isProposers = wanted === undefined || proposal.proposer.toLowerCase() === wanted;
    const isWanted = isProposers && (state === undefined || proposalState(proposal, now) === state);
    if (isWanted) items.push(viewProposal(governance, proposal));
    last = proposal;
    searched += 1;
  }
  return { items };
}

import { governanceApi } from '@lucid/common/apis/governance';
import type { ProposalState } from '@lucid/common/apis/governance-schemas';
import { implement } from '@lucid/common/http/implement';
import type { FastifyInstance } from 'fastify';
import { chainNow } from '../domain/executor.ts';
import { type Governance, getCurrent, getProposal, viewProposal } from '../domain/governance.ts';
import type { ProposalRecord } from '../domain/model.ts';
import { proposalState } from '../domain/proposal-state.ts';
import { cancelProposal, carryOut, createProposal, prepareProposal } from '../domain/proposals.ts';
import { toRelayView } from '../domain/views.ts';
import { placeCursor, takePage } from './paging.ts';

const proposalCursor = placeCursor('proposals@1');

export async function proposalRoutes(app: FastifyInstance, governance: Governance): Promise<void> {
  await implement(app, governanceApi, {
    prepareProposal: ({ body }) => prepareProposal(governance, body),
    createProposal: ({ body }) => createProposal(governance, body.rawTransaction),
    listProposals: async ({ query: { limit = 50, cursor, state, proposer } }) => {
      getCurrent(governance);
      const after = proposalCursor.decode(cursor);
      const found = governance.index.listProposals({ limit: Number.MAX_SAFE_INTEGER, after });
      return await takePage(filterProposals(governance, found, { state, proposer }), limit, {
        toView: (proposal) => viewProposal(governance, proposal),
        toCursor: (proposal) => proposalCursor.encode(proposal.createdAt),
      });
    },
    getProposal: ({ params }) => viewProposal(governance, getProposal(governance, params.proposalId)),
    cancelProposal: ({ params, body }) => cancelProposal(governance, params.proposalId, body.rawTransaction),
    queueProposal: async ({ params }) => toRelayView(await carryOut(governance, 'queue', params.proposalId)),
    executeProposal: async ({ params }) => toRelayView(await carryOut(governance, 'execute', params.proposalId)),
  });
}

async function* filterProposals(
  governance: Governance,
  proposals: AsyncIterable<ProposalRecord>,
  filter: { readonly state: ProposalState | undefined; readonly proposer: string | undefined },
): AsyncIterable<ProposalRecord> {
  const now = chainNow(governance);
  const proposer = filter.proposer?.toLowerCase();
  for await (const proposal of proposals) {
    const isWanted = proposer === undefined || proposal.proposer.toLowerCase() === proposer;
    if (isWanted && (filter.state === undefined || proposalState(proposal, now) === filter.state)) yield proposal;
  }
}

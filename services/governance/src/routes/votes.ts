import { governanceApi } from '@lucid/common/apis/governance';
import { implement } from '@lucid/common/http/implement';
import type { FastifyInstance } from 'fastify';
import { type Governance, getProposal } from '../domain/governance.ts';
import { toRelayView, toVoteView } from '../domain/views.ts';
import { createSignedVote, createVote, getSignedVote, prepareVote } from '../domain/votes.ts';
import { placeCursor, takePage } from './paging.ts';

const voteCursor = placeCursor('votes@1');

export async function voteRoutes(app: FastifyInstance, governance: Governance): Promise<void> {
  await implement(app, governanceApi, {
    prepareVote: ({ params, body }) => prepareVote(governance, params.proposalId, body),
    createVote: ({ params, body }) => createVote(governance, params.proposalId, body.rawTransaction),
    createSignedVote: async ({ params, body }) =>
      toRelayView(await createSignedVote(governance, params.proposalId, body)),
    getSignedVote: ({ params }) => toRelayView(getSignedVote(governance, params.proposalId, params.voter)),
    listVotes: async ({ params, query: { limit = 50, cursor } }) => {
      const { proposalId } = getProposal(governance, params.proposalId);
      const after = voteCursor.decode(cursor);
      return await takePage(governance.index.listVotes(proposalId, { limit: limit + 1, after }), limit, {
        toView: toVoteView,
        toCursor: (vote) => voteCursor.encode(vote.castAt),
      });
    },
  });
}

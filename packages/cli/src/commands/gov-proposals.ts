import type { Proposal, ProposalState, Vote } from '@lucid/common/apis/governance-schemas';
import type { Run } from '../command.ts';
import { connect } from '../connection.ts';
import { cliError } from '../errors.ts';
import { formatFields, formatTable } from '../output.ts';

interface ProposalsOptions {
  readonly state?: ProposalState;
}

export const run: Run<ProposalsOptions> = async (context, output, options, proposalId) => {
  const { governance } = (await connect(context, options)).client;
  if (proposalId === undefined) {
    const query = options.state === undefined ? {} : { state: options.state };
    const page = await governance.listProposals({ query });
    const rows = page.items.map(({ proposalId: id, state, title }) => [id, state, title]);
    output.result(page, rows.length > 0 ? formatTable(['PROPOSAL', 'STATE', 'TITLE'], rows) : 'No proposals.');
    return;
  }
  const params = { proposalId: readProposalId(proposalId) };
  const proposal = await governance.getProposal({ params });
  const { items: votes } = await governance.listVotes({ params, query: { limit: 200 } });
  output.result({ ...proposal, castVotes: votes }, formatProposal(proposal, votes));
};

/** A proposal's id as typed. @throws USAGE_INVALID */
export function readProposalId(text: string): string {
  if (/^[1-9]\d{0,77}$/.test(text)) return text;
  throw cliError('USAGE_INVALID', `"${text}" is not a proposal id; lucid gov proposals lists them.`);
}

/** A proposal for people, with who voted. */
export function formatProposal(proposal: Proposal, votes: readonly Vote[] = []): string {
  const { votes: tally } = proposal;
  const rows = votes.map((vote) => [vote.voter, vote.support, vote.weight, vote.reason]);
  return [
    formatFields([
      ['proposal', proposal.proposalId],
      ['title', proposal.title],
      ['state', proposal.state],
      ['proposer', proposal.proposer],
      ['votes', `${tally.for} for, ${tally.against} against, ${tally.abstain} abstain`],
      ['quorum', proposal.quorum],
      ['voting', `${proposal.voteStartAt} to ${proposal.voteEndAt}`],
      ['executable', proposal.executableAt],
      ['executed', proposal.executedAt],
    ]),
    ...proposal.calls.map(({ text }) => `  · ${text}\n`),
    rows.length > 0 ? `\n${formatTable(['VOTER', 'VOTE', 'WEIGHT', 'REASON'], rows)}` : '',
  ].join('');
}

import { setTimeout as delay } from 'node:timers/promises';
import type { LucidClient } from '@lucid/client/lucid-client';
import type { Proposal, ProposalState } from '@lucid/common/apis/governance-schemas';
import { isAppError } from '@lucid/common/errors';
import type { Run } from '../command.ts';
import { connectSignedIn } from '../connection.ts';
import { exitCodes } from '../errors.ts';
import { formatProposal, readProposalId } from './gov-proposals.ts';

interface CarryOutOptions {
  readonly timeout: number;
}

type Governance = LucidClient['governance'];

const reached: Readonly<Record<'queue' | 'execute', readonly ProposalState[]>> = {
  queue: ['queued', 'executed'],
  execute: ['executed'],
};
/** States from which the proposal can still come where it is to go. */
const underWay: readonly ProposalState[] = ['pending', 'active', 'succeeded', 'queued'];

/** Asks until the proposal is where it is to be: before its time the platform says that its state is another. */
function carryOut(verb: 'queue' | 'execute'): Run<CarryOutOptions> {
  return async (context, output, options, text = '') => {
    const proposalId = readProposalId(text);
    const { governance } = (await connectSignedIn(context, options)).client;
    const until = Date.now() + options.timeout * 1000;
    let proposal = await governance.getProposal({ params: { proposalId } });
    let shown: ProposalState | undefined;
    while (!reached[verb].includes(proposal.state) && underWay.includes(proposal.state) && Date.now() < until) {
      if (proposal.state !== shown) output.note(`  ${proposal.state}; waiting, ${options.timeout} s at most`);
      shown = proposal.state;
      await ask(governance, verb, proposal);
      await delay(250);
      proposal = await governance.getProposal({ params: { proposalId } });
    }
    output.result(proposal, formatProposal(proposal));
    if (reached[verb].includes(proposal.state)) return exitCodes.ok;
    return underWay.includes(proposal.state) ? exitCodes.unavailable : exitCodes.failed;
  };
}

async function ask(governance: Governance, verb: 'queue' | 'execute', { proposalId }: Proposal): Promise<void> {
  const params = { proposalId };
  try {
    if (verb === 'queue') await governance.queueProposal({ params });
    else await governance.executeProposal({ params });
  } catch (error) {
    if (!isAppError(error, 'GOVERNANCE_STATE_INVALID')) throw error;
  }
}

export const queue = { run: carryOut('queue') };
export const execute = { run: carryOut('execute') };

import { setTimeout as delay } from 'node:timers/promises';
import type { RelayStatus, VoteSupport } from '@lucid/common/apis/governance-schemas';
import { ballotNonce, ballotTypedData } from '@lucid/contracts/governor';
import type { Run } from '../command.ts';
import { connectSignedIn } from '../connection.ts';
import { cliError, exitCodes } from '../errors.ts';
import { openWallet } from '../governance-wallet.ts';
import { readProposalId } from './gov-proposals.ts';

interface VoteOptions {
  readonly wallet: string;
  readonly reason?: string;
  readonly timeout: number;
}

const supports: readonly string[] = ['for', 'against', 'abstain'];

/** Signs a ballot (EIP-712), made here, and hands it to the platform, which carries it to the chain. */
export const run: Run<VoteOptions> = async (context, output, options, proposalId = '', choice = '') => {
  if (!supports.includes(choice)) throw cliError('USAGE_INVALID', 'Vote for, against or abstain.');
  readProposalId(proposalId);
  const support = choice as VoteSupport;
  const { reason = '', timeout } = options;
  const wallet = await openWallet(options.wallet);
  const { governance } = (await connectSignedIn(context, options)).client;
  const { chainId } = await governance.getGovernance();
  const ballot = { proposalId: BigInt(proposalId), support, voter: wallet.address, reason };
  const { domain, types, message } = ballotTypedData(chainId, ballot, ballotNonce(ballot.proposalId));
  const signature = await wallet.signTypedData(domain, types, message);
  const params = { proposalId };
  const body = { voter: wallet.address, support, signature, ...(reason === '' ? {} : { reason }) };
  let status = await governance.createSignedVote({ params, body });
  const until = Date.now() + timeout * 1000;
  while (!isSettled(status) && Date.now() < until) {
    await delay(200);
    status = await governance.getSignedVote({ params: { ...params, voter: wallet.address } });
  }
  output.result({ proposalId, voter: wallet.address, support, ...status }, describe(status, support));
  if (status.status === 'done') return exitCodes.ok;
  return status.status === 'refused' ? exitCodes.failed : exitCodes.unavailable;
};

function isSettled({ status }: RelayStatus): boolean {
  return status === 'done' || status === 'refused';
}

function describe({ status, reason, transactionHash }: RelayStatus, support: VoteSupport): string {
  if (status === 'done') return `Voted ${support}, in transaction ${transactionHash}.`;
  if (status === 'refused') return `The contracts refused the vote: ${reason}.`;
  return 'The vote is safe with the platform, but not on the chain yet; lucid gov proposals ID shows it once it counts.';
}

import type { ProposalAction } from '@lucid/common/apis/governance-schemas';
import { getAddress, isAddress } from 'ethers';
import type { Run } from '../command.ts';
import { connectSignedIn } from '../connection.ts';
import { cliError } from '../errors.ts';
import { openWallet, signProposal } from '../governance-wallet.ts';
import { readInput } from '../trust.ts';
import { formatProposal } from './gov-proposals.ts';

interface ProposeOptions {
  readonly wallet: string;
  readonly title: string;
  readonly descriptionFile?: string;
  readonly set?: readonly string[];
  readonly grant?: readonly string[];
  readonly revoke?: readonly string[];
}

/** Proposes: worded by the platform, checked and signed here, on the chain when this answers. */
export const run: Run<ProposeOptions> = async (context, output, options) => {
  const actions = readActions(options);
  const file = options.descriptionFile;
  const description = file === undefined ? '' : (await readInput(file)).toString('utf8').trim();
  const wallet = await openWallet(options.wallet);
  const { client } = await connectSignedIn(context, options);
  const rawTransaction = await signProposal(client, wallet, { title: options.title, description, actions });
  const proposal = await client.governance.createProposal({ body: { rawTransaction } });
  const next = `\nnext      lucid gov vote ${proposal.proposalId} for --wallet FILE, from ${proposal.voteStartAt} on\n`;
  output.result(proposal, `${formatProposal(proposal)}${next}`);
};

function readActions({ set = [], grant = [], revoke = [] }: ProposeOptions): ProposalAction[] {
  const actions: ProposalAction[] = [
    ...set.map((text) => {
      const [key, value] = splitPair(text, '--set', /^\d{1,78}$/);
      return { type: 'setParam' as const, key, value: String(BigInt(value)) };
    }),
    ...grant.map((text) => ({ type: 'grantSeats' as const, ...readSeats(text, '--grant') })),
    ...revoke.map((text) => ({ type: 'revokeSeats' as const, ...readSeats(text, '--revoke') })),
  ];
  if (actions.length > 0) return actions;
  throw cliError(
    'USAGE_INVALID',
    'Say what to change: --set KEY=VALUE, --grant ADDRESS=SEATS or --revoke ADDRESS=SEATS.',
  );
}

function readSeats(text: string, option: string): { account: string; seats: number } {
  const [account, seats] = splitPair(text, option, /^[1-9]\d{0,8}$/);
  if (!isAddress(account)) throw cliError('USAGE_INVALID', `${option} takes ADDRESS=SEATS, not "${text}".`);
  return { account: getAddress(account), seats: Number(seats) };
}

function splitPair(text: string, option: string, value: RegExp): [string, string] {
  const [left = '', right = '', ...more] = text.split('=');
  if (left !== '' && more.length === 0 && value.test(right)) return [left, right];
  throw cliError('USAGE_INVALID', `${option} takes NAME=NUMBER, not "${text}".`);
}

import type { ProposalState } from '@lucid/common/apis/governance-schemas';
import { type Command, Option } from 'commander';
import { gather, type Lazily, wholeNumber } from '../command.ts';

const proposalStates: readonly ProposalState[] = [
  'pending',
  'active',
  'canceled',
  'defeated',
  'succeeded',
  'queued',
  'executed',
];

/** Governance: read by anybody; proposals and votes are signed here, with a wallet's key file. */
export function govCommands(program: Command, lazily: Lazily): void {
  const gov = program.command('gov').description('parameters, members, proposals and votes');
  gov
    .command('params')
    .description('list the governed parameters, or show one with its history')
    .argument('[key]', 'a parameter')
    .action(lazily(() => import('./gov-params.ts')));
  gov
    .command('members')
    .description('list who holds seats, and the rules of voting')
    .action(lazily(() => import('./gov-members.ts')));
  gov
    .command('proposals')
    .description('list proposals, newest first, or show one with its votes')
    .argument('[proposal]', 'its id')
    .addOption(new Option('--state <state>', 'only those in this state').choices(proposalStates))
    .action(lazily(() => import('./gov-proposals.ts')));
  gov
    .command('propose')
    .description('propose a change')
    .requiredOption('--wallet <file>', 'the proposer’s key file')
    .requiredOption('--title <text>', 'one line')
    .option('--description-file <file>', 'the reasons, Markdown')
    .option('--set <key=value>', 'set a parameter; several times', gather)
    .option('--grant <address=seats>', 'give seats; several times', gather)
    .option('--revoke <address=seats>', 'take seats; several times', gather)
    .action(lazily(() => import('./gov-propose.ts')));
  gov
    .command('vote')
    .description('vote on a proposal: signed here, carried to the chain by the platform')
    .argument('<proposal>', 'its id')
    .argument('<support>', 'for, against or abstain')
    .requiredOption('--wallet <file>', 'the voter’s key file')
    .option('--reason <text>', 'why; goes on chain')
    .option('--timeout <seconds>', 'how long to wait for the chain to count it', wholeNumber(1), 30)
    .action(lazily(() => import('./gov-vote.ts')));
  for (const verb of ['queue', 'execute'] as const) {
    gov
      .command(verb)
      .description(
        verb === 'queue'
          ? 'queue a proposal that succeeded; the platform does it by itself too'
          : 'execute a proposal whose timelock is over; the platform does it by itself too',
      )
      .argument('<proposal>', 'its id')
      .option('--timeout <seconds>', 'how long to wait', wholeNumber(1), 60)
      .action(lazily(async () => (await import('./gov-carry-out.ts'))[verb]));
  }
}

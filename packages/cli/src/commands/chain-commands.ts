import type { Command } from 'commander';
import type { Lazily } from '../command.ts';

export function chainCommands(program: Command, lazily: Lazily): void {
  const chain = program.command('chain').description('the EVM chain');
  chain
    .command('status')
    .description('show the chain, its head and the platform’s contracts')
    .action(lazily(() => import('./chain-status.ts')));
}

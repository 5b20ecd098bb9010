import type { Command } from 'commander';
import type { Lazily } from '../command.ts';

export function ledgerCommands(program: Command, lazily: Lazily): void {
  const ledger = program.command('ledger').description('the append-only log');
  ledger
    .command('proof')
    .description('get an entry’s receipt and check it')
    .argument('<entry>', 'its index, its leaf hash, or the id of a sealed session')
    .option('--output <file>', 'write the receipt (c2sp.org/tlog-proof@v1) to a file')
    .option('--trust <file>', 'the logs and witnesses you trust; else the one kept at login')
    .action(lazily(() => import('./ledger-proof.ts')));
  ledger
    .command('trust')
    .description('print the trust file (c2sp.org/tlog-policy) the platform claims for its log')
    .action(lazily(() => import('./ledger-trust.ts')));
}

import type { Command } from 'commander';
import { type Lazily, wholeNumber } from '../command.ts';

/** login, logout, whoami, and verify, which needs nobody. */
export function signInCommands(program: Command, lazily: Lazily): void {
  program
    .command('login')
    .description('sign in, and keep the sign-in on this machine')
    .option('--username <name>', 'sign in with a password, asked for or read from standard input')
    .option('--password-file <file>', 'read the password from a file')
    .option('--wallet <file>', 'sign in with a wallet: a file with 0x and 64 hex digits, readable by you only')
    .option('--api-key-file <file>', 'sign in with an API key')
    .option('--setup-code <code>', 'register as the first user and admin, then sign in; needs --username')
    .option('--register', 'register where the operator allows it, then sign in; needs --username')
    .action(lazily(() => import('./login.ts')));
  program
    .command('logout')
    .description('end the sign-in, here and on the platform')
    .action(lazily(() => import('./logout.ts')));
  program
    .command('whoami')
    .description('show who is signed in')
    .action(lazily(() => import('./whoami.ts')));
  program
    .command('verify')
    .description('verify a proof bundle, offline; exits 0 only if every step holds')
    .argument('<bundle>', 'the bundle file')
    .option('--chunk <file>', 'also check that this stored chunk is the sealed one')
    .option('--index <n>', 'the index of that chunk', wholeNumber(0))
    .option('--trust <file>', 'the logs and witnesses you trust (c2sp.org/tlog-policy); else the one kept at login')
    .option('--chain-id <id>', 'the only chain accepted', wholeNumber(1))
    .option('--require-anchor', 'refuse a session that is not on the chain yet')
    .action(lazily(() => import('./verify.ts')));
}

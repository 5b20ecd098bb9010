import type { Command } from 'commander';
import { gather, type Lazily, wholeNumber } from '../command.ts';

const trustOption = ['--trust <file>', 'the logs and witnesses you trust; else the one kept at login'] as const;
const logOption = ['--log <name>', 'one of the platform’s several logs; else its default one'] as const;
const parallelOption = [
  '--parallel <n>',
  'bundles of 256 entries, with their tiles, asked for at the same time',
  wholeNumber(1),
  16,
] as const;
const pollOption = [
  '--poll-sec <n>',
  'seconds between two looks at a log that has no stream',
  wholeNumber(1),
  10,
] as const;

export function ledgerCommands(program: Command, lazily: Lazily): void {
  const ledger = program.command('ledger').description('the append-only log');
  entryCommands(ledger, lazily);
  readerCommands(ledger, lazily);
  operatorCommands(ledger, lazily);
}

function entryCommands(ledger: Command, lazily: Lazily): void {
  ledger
    .command('proof')
    .description('get an entry’s receipt and check it')
    .argument('<entry>', 'its index, its leaf hash, or the id of a sealed session')
    .option('--output <file>', 'write the receipt (c2sp.org/tlog-proof@v1) to a file')
    .option(...trustOption)
    .action(lazily(() => import('./ledger-proof.ts')));
  ledger
    .command('trust')
    .description('print the trust file (c2sp.org/tlog-policy) the platform claims for its log')
    .option(...logOption)
    .action(lazily(() => import('./ledger-trust.ts')));
  ledger
    .command('policy')
    .description('check a trust file, show who must sign under it, and hold a checkpoint or a receipt against it')
    .argument('<file>', 'the trust file (c2sp.org/tlog-policy)')
    .option('--checkpoint <file>', 'a checkpoint (c2sp.org/tlog-checkpoint) to hold against it')
    .option('--receipt <file>', 'a receipt (c2sp.org/tlog-proof@v1) to hold against it')
    .addHelpText('after', '\nExit code 6 where the checkpoint or receipt is not trusted under the file.')
    .action(lazily(() => import('./ledger-policy.ts')));
}

function readerCommands(ledger: Command, lazily: Lazily): void {
  ledger
    .command('verify')
    .description('read a whole log and check every entry, tile, root and signature')
    .argument('[log]', 'its address, or a folder of its files (c2sp.org/tlog-tiles); else the platform’s log')
    .option(...logOption)
    .option(...trustOption)
    .option('--earlier <file>', 'a checkpoint you have kept: the log must contain its tree; may be repeated', gather)
    .option('--state <file>', 'go on from where this file says, and keep in it how far the log is verified')
    .option(...parallelOption)
    .addHelpText(
      'after',
      '\nA run that is stopped goes on with the same --state; a later run reads only what is new.\n' +
        'Exit code 6 where something does not hold, 5 where the log stays away, 3 for a damaged state file.',
    )
    .action(lazily(() => import('./ledger-verify.ts')));
  ledger
    .command('follow')
    .description('print each new checkpoint of a log once it is known to append to the one before, until stopped')
    .argument('[log]', 'its address, or a folder of its files; else the platform’s log')
    .option(...logOption)
    .option(...trustOption)
    .option('--keep <file>', 'the newest checkpoint: what comes must contain its tree; replaced by each that does')
    .option('--count <n>', 'end after so many checkpoints', wholeNumber(1))
    .option(...pollOption)
    .addHelpText('after', '\nWith --json a line of JSON for each. Exit code 6 the moment the log contradicts itself.')
    .action(lazily(() => import('./ledger-follow.ts')));
  ledger
    .command('backup')
    .description('keep a verified copy of a log in a folder, brought up to date at each run')
    .argument('<folder>', 'the backup: files any reader of c2sp.org/tlog-tiles can use')
    .option('--from <log>', 'the log’s address, or another folder of its files; else the platform’s log')
    .option(...logOption)
    .option(...trustOption)
    .option('--follow', 'go on with each new checkpoint, until stopped')
    .option('--verify', 'read the backup itself and check all of it')
    .option('--mend', 'replace what is damaged in the backup by what the log has')
    .option(...pollOption)
    .option(...parallelOption)
    .addHelpText('after', '\nMay be stopped at any instant: the backup stays whole, and the next run goes on.')
    .action(lazily(() => import('./ledger-backup.ts')));
}

function operatorCommands(ledger: Command, lazily: Lazily): void {
  const folders = (command: Command): Command =>
    command
      .requiredOption('--data-dir <folder>', 'the ledger’s data folder, as LEDGER_DATA_DIR')
      .option('--published-dir <folder>', 'the folder of the published checkpoint, as LEDGER_PUBLISHED_DIR')
      .option('--log <name>', 'which of its logs', 'lucid');
  folders(ledger.command('restore'))
    .description('restore a backup into a ledger’s data folder that has no log; offline')
    .argument('<backup>', 'the folder of lucid ledger backup')
    .option(...trustOption)
    .option(
      '--adopt',
      'what was published last is lost or only an older copy of it is there, and nobody holds one newer than the backup',
    )
    .option(
      '--continue-as <origin>',
      'a newer checkpoint is out but its entries are lost: start another log, HOST/lucid/LOG',
    )
    .option('--key <file>', 'with --continue-as: the new log’s private key (Ed25519, PKCS#8 PEM)')
    .addHelpText('after', '\nRefuses a backup older than what was published: a log never shows two histories.')
    .action(lazily(() => import('./ledger-restore.ts')));
  folders(ledger.command('fsck'))
    .description('check a ledger’s data folder offline: every entry, tile, index page, Idempotency-Key and root')
    .option('--trust <file>', 'also check the signatures of the published checkpoint')
    .addHelpText(
      'after',
      '\nEach damage has a code and says what to do. Exit code 6 where there is any, 3 while a ledger runs.',
    )
    .action(lazily(() => import('./ledger-fsck.ts')));
}

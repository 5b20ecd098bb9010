import { type Command, Option } from 'commander';
import { gather, type Lazily, splitNames, wholeNumber } from '../command.ts';
import { profiles } from '../doctor/finding.ts';

/** setup and doctor: the machine a platform runs on. */
export function machineCommands(program: Command, lazily: Lazily): void {
  program
    .command('setup')
    .description('make the keys and the genesis of a platform, or all it has on its machine; what is there is kept')
    .addOption(new Option('--keys <folder>', 'the keys alone, for development (default: .data/keys)'))
    .addOption(
      new Option(
        '--root <folder>',
        'all a platform has on its machine: keys, each service’s secrets and data',
      ).conflicts('keys'),
    )
    .addOption(
      new Option('--claim <folder>', 'as root: give this one folder, new or empty, to the services’ user').conflicts([
        'keys',
        'root',
      ]),
    )
    .option('--logs <names>', 'further logs of the ledger, comma separated: a key for each', splitNames)
    .option('--profile <profile>', 'governance timings of a new chain: production (days, the default) or dev (seconds)')
    .option('--chain-id <id>', 'EIP-155 chain id of a new chain', wholeNumber(1))
    .option('--guardian <address>', 'may cancel proposals; the founding member unless given')
    .action(lazily(() => import('./setup.ts')));
  program
    .command('doctor')
    .description('look the machine and the platform over; says of each fault why it matters and what to do')
    .option('--root <folder>', 'the platform’s folder on this machine')
    .addOption(
      new Option(
        '--profile <profile>',
        'what the machine is for: pi serves people, dev is your own, ci lives for minutes',
      )
        .choices(profiles)
        .default('pi'),
    )
    .option('--preflight', 'only what must stop a start: the disk, memory limits, the chosen parts; no network')
    .option('--ntp <host>', 'compare the clock with this time server')
    .option('--with <parts>', 'parts the platform is started with: mongo[:VERSION], redis, tor; repeatable', gather)
    .action(lazily(() => import('./doctor.ts')));
}

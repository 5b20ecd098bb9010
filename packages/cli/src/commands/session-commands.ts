import type { Command } from 'commander';
import { gather, type Lazily, wholeNumber } from '../command.ts';

/** Recording, sealing, reading. */
export function sessionCommands(program: Command, lazily: Lazily): void {
  const session = program.command('session').description('record, seal and export sessions');
  session
    .command('record')
    .description('record a file, standard input, or a command’s terminal; the platform sees ciphertext only')
    .argument('[file]', 'what to record; - or nothing is standard input')
    .option('--command <text>', 'run a command and record its terminal as asciicast v2')
    .option('--resume <recording>', 'go on with a recording that was interrupted')
    .option('--name <name>', 'what the recording is called on this machine')
    .option('--label <text>', 'a label the session carries; may be given several times', gather)
    .option('--content <type>', 'media type of a file or pipe', 'application/octet-stream')
    .option('--recipient <key>', 'X25519 key (hex) to share the content with; several times', gather)
    .option('--policy <file>', 'the session’s policy; without one, everything is denied')
    .option('--policy-hash <hash>', 'a policy published before')
    .option('--wallet <file>', 'sign and publish the policy with this wallet')
    .option('--retain-days <n>', 'keep the content at least this long', wholeNumber(0), 30)
    .option('--chunk-bytes <n>', 'bytes of a chunk before compression', wholeNumber(65_536))
    .option('--give-up-after <seconds>', 'stop trying when the platform is away this long', wholeNumber(1))
    .option('--seal', 'seal at the end, and wait for the anchor')
    .action(lazily(() => import('./session-record.ts')));
  session
    .command('seal')
    .description('seal a finished recording; ledger and chain follow')
    .argument('<recording>', 'its name, its session id, or latest')
    .option('--no-wait', 'do not wait for the anchor')
    .option('--timeout <seconds>', 'how long to wait', wholeNumber(1), 120)
    .action(lazily(() => import('./session-seal.ts')));
  session
    .command('list')
    .description('list sessions, newest first')
    .option('--limit <n>', 'how many', wholeNumber(1), 20)
    .action(lazily(() => import('./session-list.ts')));
  session
    .command('show')
    .description('show a session')
    .argument('<session>', 'its id, a recording’s name, or latest')
    .action(lazily(() => import('./session-show.ts')));
  session
    .command('export')
    .description('download the proof bundle of a sealed session')
    .argument('<session>', 'its id, a recording’s name, or latest')
    .option('--output <file>', 'where to; SESSION.lucid-proof.json unless given')
    .option('--chunk <n>', 'add the inclusion proof of this chunk; several times', gather)
    .option('--chunk-folder <folder>', 'also download those chunks, as they are stored')
    .option('--plain <file>', 'also write the content; only on the machine that recorded it')
    .option('--allow-unanchored', 'take the bundle before the chain has the session')
    .action(lazily(() => import('./session-export.ts')));
}

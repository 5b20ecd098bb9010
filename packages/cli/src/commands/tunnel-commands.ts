import { type Command, InvalidArgumentError } from 'commander';
import { gather, type Lazily, wholeNumber } from '../command.ts';
import { defaultTunnelToolsUrl } from '../config.ts';

/** The platform's onion services: for admins, at tunnel-tools itself. */
export function tunnelCommands(program: Command, lazily: Lazily): void {
  const tunnel = program
    .command('tunnel')
    .description('the platform’s onion services')
    .option('--tunnels <url>', `tunnel-tools (TUNNEL_TOOLS_URL, else ${defaultTunnelToolsUrl})`);
  readCommands(tunnel, lazily);
  changeCommands(tunnel, lazily);
  keyCommands(tunnel, lazily);
  clientCommands(tunnel, lazily);
}

function readCommands(tunnel: Command, lazily: Lazily): void {
  tunnel
    .command('list')
    .description('list tunnels')
    .action(lazily(async () => (await import('./tunnel-show.ts')).list));
  named(tunnel, 'show', 'show a tunnel: what is declared and what is on the network')
    .option('--qr', 'its address as a QR code')
    .action(lazily(async () => (await import('./tunnel-show.ts')).show));
  named(tunnel, 'verify', 'visit a tunnel through the Tor network, now, and say which step fails and why').action(
    lazily(async () => (await import('./tunnel-verify.ts')).verify),
  );
  named(tunnel, 'probes', 'list visits, the latest first')
    .option('--limit <n>', 'how many', wholeNumber(1), 20)
    .action(lazily(async () => (await import('./tunnel-verify.ts')).probes));
  tunnel
    .command('events')
    .description('list what happened, the latest first')
    .argument('[name]', 'of this tunnel only')
    .option('--limit <n>', 'how many', wholeNumber(1), 50)
    .action(lazily(() => import('./tunnel-events.ts')));
  tunnel
    .command('status')
    .description('show tor’s state, the targets, and what is not as declared')
    .action(lazily(() => import('./tunnel-status.ts')));
}

function changeCommands(tunnel: Command, lazily: Lazily): void {
  waiting(declared(named(tunnel, 'create', 'publish an onion service under a new address'))).action(
    lazily(() => import('./tunnel-create.ts')),
  );
  waiting(declared(named(tunnel, 'set', 'change a tunnel; its address stays'))).action(
    lazily(async () => (await import('./tunnel-change.ts')).set),
  );
  waiting(
    named(tunnel, 'rotate', 'move to a new address; both are on the network for the grace time').option(
      '--grace <seconds>',
      'how long the old address stays; 7 days unless given',
      wholeNumber(0),
    ),
  ).action(lazily(async () => (await import('./tunnel-change.ts')).rotate));
  waiting(named(tunnel, 'refresh', 'publish the same address again')).action(
    lazily(async () => (await import('./tunnel-change.ts')).refresh),
  );
  named(tunnel, 'stop', 'take it off the network and keep its address').action(
    lazily(async () => (await import('./tunnel-change.ts')).stop),
  );
  waiting(named(tunnel, 'start', 'bring a stopped one back')).action(
    lazily(async () => (await import('./tunnel-change.ts')).start),
  );
  named(tunnel, 'remove', 'take it down for ever; its address never comes back')
    .option('--yes', 'that is meant')
    .action(lazily(async () => (await import('./tunnel-change.ts')).remove));
}

function keyCommands(tunnel: Command, lazily: Lazily): void {
  named(tunnel, 'export', 'write the address’s private key into a folder, in tor’s own files')
    .requiredOption('--output <folder>', 'a new folder')
    .action(lazily(() => import('./tunnel-export.ts')));
  waiting(declared(named(tunnel, 'import', 'publish under an address from elsewhere')))
    .requiredOption('--key <file>', 'its hs_ed25519_secret_key, or the folder it is in')
    .action(lazily(() => import('./tunnel-create.ts')));
}

function clientCommands(tunnel: Command, lazily: Lazily): void {
  const clients = tunnel.command('clients').description('who is let in to a tunnel for authorized clients');
  named(clients, 'list', 'list who is let in').action(lazily(async () => (await import('./tunnel-clients.ts')).list));
  named(clients, 'add', 'let a person in: says their key once, for the .auth_private file of their tor')
    .argument('<person>', 'whose key it is')
    .option('--ttl <seconds>', 'the key stops working after this time', wholeNumber(1))
    .option('--public-key <key>', 'the person’s own x25519 key (base32); then no key is made here')
    .option('--output <file>', 'write the line there (0600) instead of saying it; end it in .auth_private')
    .option('--qr', 'the line as a QR code too')
    .action(lazily(async () => (await import('./tunnel-clients.ts')).add));
  named(clients, 'rm', 'let a person in no more')
    .argument('<person>', 'name or id of the client')
    .action(lazily(async () => (await import('./tunnel-clients.ts')).rm));
}

function named(parent: Command, verb: string, description: string): Command {
  return parent.command(verb).description(description).argument('<name>', 'the tunnel’s name');
}

/** What a tunnel is declared by. */
function declared(command: Command): Command {
  return command
    .option('--port <virtual=target>', 'such as 80=gateway, which it is unless given; several times', gather)
    .option('--client-auth', 'let in only those with a key of their own')
    .option('--no-client-auth', 'let everybody in')
    .option('--pow', 'ask visitors for proof of work when it is crowded')
    .option('--no-pow', 'never ask for it')
    .option('--max-streams <n>', 'streams of one visitor at once; 0 is no limit', wholeNumber(0))
    .option('--ttl <seconds>', 'stop by itself after this time; never: for good', secondsOrNever);
}

function secondsOrNever(text: string): number | null {
  if (text === 'never') return null;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('A whole number from 1 on, or never, is needed.');
}

function waiting(command: Command): Command {
  return command
    .option('--wait', 'wait until it is on the network')
    .option('--timeout <seconds>', 'how long to wait', wholeNumber(1), 120);
}

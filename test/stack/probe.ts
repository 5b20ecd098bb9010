import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

// Runs inside a network namespace: tries every address it reads from standard input, all at once, and prints those
// that took a connection.

/** An address and a port. */
export interface Target {
  readonly address: string;
  readonly port: number;
}

/** How long an address may stay silent, also on a busy machine. A network that drops packets never answers. */
const timeoutMs = 4000;

function answers({ address, port }: Target): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host: address, port, timeout: timeoutMs });
  const end = (isOpen: boolean) => {
    socket.destroy();
    resolve(isOpen);
  };
  socket.once('connect', () => end(true));
  socket.once('timeout', () => end(false));
  socket.once('error', () => end(false));
  return promise;
}

const targets = JSON.parse(await text(process.stdin)) as Target[];
const open = await Promise.all(targets.map(answers));
process.stdout.write(JSON.stringify(targets.filter((_, index) => open[index])));

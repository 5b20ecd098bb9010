import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { TorClient } from './tor/client.ts';
import { makeAuthority } from './tor/keys.ts';
import { TorProcess } from './tor/process.ts';
import { type ClientNode, joiningLines, type RelayNode, relayTorrc } from './tor/torrc.ts';

const authorityCount = 3;
const relayCount = 3;
/** How often other ports are tried where one was taken. */
const startsMax = 4;
/** Where ports are looked for: below those the kernel hands out, and a block for each process that looks. */
const firstPort = 12_000;
const portBlock = 40;
const portBlocks = 500;

export interface TorNetworkOptions {
  /** Where authorities and relays listen: an address containers can reach when a tor in one is to join. */
  readonly address?: string;
  /** A network namespace under /run/netns to run every tor in; entering one takes root. */
  readonly namespace?: string;
  /** How long any tor of the network may take for its part of the start. */
  readonly bootstrapTimeoutMs?: number;
}

/** A Tor network of its own: three authorities, three relays, two clients; it never meets the public one. */
export interface TorNetwork extends AsyncDisposable {
  /** Plays the platform's tor-proxy: it publishes. */
  readonly onion: TorClient;
  /** Plays the one who visits. */
  readonly visitor: TorClient;
  /** The lines of torrc with which another tor joins, ending in a line feed. */
  readonly torrc: string;
  /** Every process of the network. */
  readonly pids: readonly number[];
}

/**
 * Starts the network and waits until both clients can build circuits: about 20 s on an idle machine, most of it until
 * the authorities vote. Disposing ends every process and removes every file. Throws where tor is not installed.
 */
export async function startTorNetwork(options: TorNetworkOptions = {}): Promise<TorNetwork> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      // Somebody took a port between the look at it and tor's start.
      if (attempt === startsMax || !String(error).includes('Address already in use')) throw error;
    }
  }
}

async function startOnce(options: TorNetworkOptions): Promise<TorNetwork> {
  const { address = '127.0.0.1', namespace, bootstrapTimeoutMs = 150_000 } = options;
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'tor-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));

  const ports = await findFreePorts(2 * (authorityCount + relayCount + 2));
  const relays = relayNodes(folder, address, ports);
  const clients = (['onion', 'visitor'] as const).map((name) => clientNode(name, folder, ports));
  for (const node of [...relays, ...clients]) await mkdir(node.folder, { mode: 0o700 });
  const authorities = await Promise.all(relays.filter(({ isAuthority }) => isAuthority).map(makeAuthority));

  await goodTimeToStart();
  const relayProcesses = await Promise.all(relays.map((node) => startRelay(node, authorities, namespace)));
  for (const relay of relayProcesses) stack.defer(() => relay.stop());
  // A client that starts before the relays have all it fetches from them asks again much later.
  await Promise.race([
    agreement(relays, relayProcesses, bootstrapTimeoutMs),
    ...relayProcesses.map((relay) => relay.failed),
  ]);
  await Promise.all(relayProcesses.map((relay) => relay.reached(75, bootstrapTimeoutMs)));
  const [onion, visitor] = await Promise.all(clients.map((node) => TorClient.start(node, authorities, namespace)));
  if (!onion || !visitor) throw new Error('there are two clients');
  stack.use(onion);
  stack.use(visitor);
  await Promise.all([onion, visitor].map((client) => client.bootstrapped(bootstrapTimeoutMs)));

  const owned = stack.move();
  return {
    onion,
    visitor,
    torrc: `${joiningLines(authorities).join('\n')}\n`,
    get pids() {
      return [...relayProcesses, onion, visitor].flatMap(({ pid }) => pid ?? []);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function relayNodes(folder: string, address: string, ports: Iterator<number, never>): readonly RelayNode[] {
  return Array.from({ length: authorityCount + relayCount }, (_, index) => {
    const isAuthority = index < authorityCount;
    const name = isAuthority ? `authority${index}` : `relay${index - authorityCount}`;
    const orPort = ports.next().value;
    const dirPort = ports.next().value;
    return { name, folder: join(folder, name), address, orPort, dirPort, isAuthority };
  });
}

function clientNode(name: string, folder: string, ports: Iterator<number, never>): ClientNode {
  return { name, folder: join(folder, name), socksPort: ports.next().value, metricsPort: ports.next().value };
}

async function startRelay(
  node: RelayNode,
  authorities: readonly string[],
  namespace: string | undefined,
): Promise<TorProcess> {
  const torrc = join(node.folder, 'torrc');
  await writeFile(torrc, relayTorrc(node, authorities));
  return TorProcess.start(torrc, namespace);
}

/**
 * Authorities vote in the sixth second of every ten. A relay that has not published itself by then is left out: with
 * less than five seconds to go, the next vote is the one to start for.
 */
async function goodTimeToStart(): Promise<void> {
  const untilVoteMs = (16_000 - (Date.now() % 10_000)) % 10_000;
  if (untilVoteMs < 5000) await delay(untilVoteMs);
}

/** Waits until the authorities have agreed on a consensus that lists every relay. */
async function agreement(
  relays: readonly RelayNode[],
  processes: readonly TorProcess[],
  timeoutMs: number,
): Promise<void> {
  const [authority] = relays;
  const [process] = processes;
  if (!authority || !process) throw new Error('there is an authority');
  const deadline = performance.now() + timeoutMs;
  for (let votes = 1; ; votes++) {
    await process.says('Published microdesc consensus', deadline - performance.now(), votes);
    const consensus = await readFile(join(authority.folder, 'cached-microdesc-consensus'), 'utf8');
    if (consensus.match(/^r /gm)?.length === relays.length) return;
  }
}

/**
 * Ports nobody listens on: a relay's port is written into every torrc before the relay starts, and must not be given to
 * somebody else in between. So each process looks in a block of its own first; two networks that start at the same time
 * would take some of each other's otherwise.
 */
async function findFreePorts(count: number): Promise<Iterator<number, never>> {
  const found: number[] = [];
  const all = portBlock * portBlocks;
  for (let at = (process.pid % portBlocks) * portBlock; found.length < count; at += 1) {
    const port = firstPort + (at % all);
    if (await isFree(port)) found.push(port);
  }
  return takeFrom(found);
}

function* takeFrom(ports: readonly number[]): Generator<number, never> {
  yield* ports;
  throw new Error('more ports are taken than were found');
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen({ port, host: '0.0.0.0', exclusive: true });
  try {
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

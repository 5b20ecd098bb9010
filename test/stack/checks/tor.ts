import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandFailed } from '../../support/run-command.ts';
import type { Steps } from '../../support/steps.ts';
import { Visits } from '../../support/tor/visits.ts';
import { startTorNetwork, type TorNetwork } from '../../support/tor-network.ts';
import { findContainer } from '../containers.ts';
import type { ComposeFiles, Stack } from '../stack.ts';
import { waitUntilHealthy } from './faults.ts';

const files: ComposeFiles = ['compose.yaml', 'tor.yaml', 'redis.yaml'];
const publishTimeoutMs = 90_000;

/** A private Tor network and the folder of torrc lines by which tor-proxy joins it. */
export interface JoinedNetwork extends AsyncDisposable {
  readonly confFolder: string;
  readonly processes: number;
  readonly visitor: TorNetwork['visitor'];
}

/** Starts a Tor network whose relays listen at the edge's bridge, where tor-proxy can reach them. */
export async function joinTorNetwork(stack: Stack, confFolder: string): Promise<JoinedNetwork> {
  const gateway = ['network', 'inspect', '-f', '{{(index .IPAM.Config 0).Gateway}}', `${stack.project}_edge`];
  const address = (await stack.docker(gateway)).trim();
  const { namespace } = stack;
  const network = await startTorNetwork({ address, ...(namespace === undefined ? {} : { namespace }) });
  await rm(confFolder, { recursive: true, force: true });
  await mkdir(confFolder, { recursive: true });
  await writeFile(join(confFolder, 'network.conf'), network.torrc);
  await chmod(confFolder, 0o755);
  return {
    confFolder,
    processes: network.pids.length,
    visitor: network.visitor,
    [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
  };
}

type Demo = (url: string, socks: string) => Promise<string>;

/** Onion services as an operator makes them, seen by a visitor on the other side of the Tor network. */
export async function checkTor(steps: Steps, stack: Stack, { visitor }: JoinedNetwork, demo: Demo): Promise<void> {
  const lucid: Lucid = (...args) => stack.compose(files, ['run', '--rm', '-T', 'server-tools', ...args]);
  const visits = new Visits(visitor, '/readyz');
  const visit = async (onionAddress: string) =>
    `${((await visits.until('arrived', { onionAddress })) / 1000).toFixed(1)} s`;

  const onion = await steps.need('publish the gateway', async () => {
    const tunnel = JSON.parse(await lucid('--json', 'tunnel', 'create', 'door', '--port', '80=gateway', '--wait')) as {
      onionAddress: string;
    };
    return [tunnel.onionAddress, tunnel.onionAddress];
  });
  await steps.check('a visitor fetches it through SOCKS', async () => `answered after ${await visit(onion)}`);
  await steps.check('demo through the onion address', async () => {
    const output = await demo(`http://${onion}`, `${visitor.socks.host}:${visitor.socks.port}`);
    return output.trim().split('\n').at(-1) ?? '';
  });
  await steps.check('stores, inner services and the control socket are no targets', async () => {
    const targets = [
      'redis',
      'redis.internal:6379',
      'mongo',
      'vm',
      'ledger',
      'api:8083',
      'unix:/run/tor/control',
      '9051',
    ];
    for (const target of targets)
      await expectRefusal(() => lucid('tunnel', 'create', 'bad', '--port', `80=${target}`), target);
    return `${targets.length} refused: ${targets.join(', ')}`;
  });
  await steps.check('tor-proxy killed and back', async () => {
    const before = await findContainer(stack, 'tor-proxy');
    process.kill(before.pid, 'SIGKILL');
    await waitUntilHealthy(stack, ['tor-proxy', 'tunnel-tools'], (one) => {
      return one.service !== 'tor-proxy' || one.restarts > before.restarts;
    });
    // Relays take a moment to let go of a tor that died: until then the old way in seems open, and leads nowhere.
    await untilPublished(lucid);
    return `the same address answered after ${await visit(onion)}`;
  });
  await steps.check('gateway container recreated', async () => {
    const before = (await findContainer(stack, 'gateway')).addresses['onion'];
    await moveGateway(stack);
    const after = (await findContainer(stack, 'gateway')).addresses['onion'];
    if (after === before) throw new Error(`the container is at ${after} again: nothing is shown`);
    return `at ${after}, was at ${before}; the same onion address answered after ${await visit(onion)}`;
  });
}

type Lucid = (...args: string[]) => Promise<string>;

/** Waits until tunnel-tools has every tunnel on the network. */
async function untilPublished(lucid: Lucid): Promise<void> {
  const until = performance.now() + publishTimeoutMs;
  for (;;) {
    const { items } = JSON.parse(await lucid('--json', 'tunnel', 'list')) as { items: readonly { state: string }[] };
    const states = items.map(({ state }) => state);
    if (states.every((state) => state === 'published' || state === 'reachable')) return;
    if (performance.now() > until)
      throw new Error(`not published after ${publishTimeoutMs / 1000} s: ${states.join(', ')}`);
  }
}

/** Recreates the gateway at another address on the onion network: its old one is taken meanwhile. */
async function moveGateway(stack: Stack): Promise<void> {
  await stack.compose(files, ['rm', '--stop', '--force', 'gateway']);
  const wait = 'setTimeout(() => {}, 600_000)';
  await stack.compose(files, ['run', '-d', '--entrypoint', '/nodejs/bin/node', 'server-tools', '-e', wait]);
  await stack.up(files, '--no-deps', 'gateway');
}

async function expectRefusal(create: () => Promise<string>, target: string): Promise<void> {
  const output = await create().catch((error: unknown) => {
    if (error instanceof CommandFailed) return undefined;
    throw error;
  });
  if (output !== undefined) throw new Error(`${target} was taken as a target: ${output}`);
}

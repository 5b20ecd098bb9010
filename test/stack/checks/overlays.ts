import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Steps } from '../../support/steps.ts';
import { findContainer } from '../containers.ts';
import type { ComposeFiles, Stack } from '../stack.ts';
import { checkConfinement } from './confinement.ts';
import { type Keepsakes, runDemo } from './demo.ts';
import { checkPlanes } from './planes.ts';
import { checkTor, joinTorNetwork } from './tor.ts';

/** Everything that can run at once. */
const allFiles: ComposeFiles = ['compose.yaml', 'tor.yaml', 'redis.yaml'];

/** The stack with Tor, on a private network, and Redis: planes, confinement, stores, onion services. */
export async function checkOverlays(steps: Steps, plain: Stack, kept: Keepsakes): Promise<void> {
  await plain.up(['compose.yaml']); // makes the bridge at which the Tor network listens
  await using joined = await steps.need('a private Tor network at the edge', async () => {
    const network = await joinTorNetwork(plain, join(kept.folder, 'tor.d'));
    return [network, `${network.processes} processes, none of them knows the public network`];
  });
  const stack = plain.with({ LUCID_TOR_CONF_DIR: joined.confFolder });
  await steps.need('up with tor.yaml and redis.yaml', async () => {
    const seconds = await stack.up(allFiles);
    return [seconds, `all healthy after ${seconds.toFixed(1)} s`];
  });
  await keepToolsRunning(stack);
  await checkPlanes(steps, stack);
  await checkConfinement(steps, stack);
  await checkRedis(steps, stack);
  await checkTor(steps, stack, joined, (url, socks) =>
    runDemo(stack, ['--url', url, '--socks', socks], kept.passwordFile),
  );
  await stack.down();
}

/** A container of the operator's command that stays, so that it can be looked at like the others. */
async function keepToolsRunning(stack: Stack): Promise<void> {
  const wait = 'setTimeout(() => {}, 3_600_000)';
  await stack.compose(allFiles, ['run', '-d', '--entrypoint', '/nodejs/bin/node', 'server-tools', '-e', wait]);
}

/** Speaks Redis' inline commands and prints the answers. */
const talk = `const [host, port] = process.argv.slice(1);
process.stdin.pipe(require('node:net').connect({ host, port })).pipe(process.stdout);`;

async function checkRedis(steps: Steps, stack: Stack): Promise<void> {
  await steps.check('redis', async () => {
    const password = (await readFile(join(stack.root, 'keys/redis.password'), 'utf8')).trim();
    const address = (await findContainer(stack, 'redis')).addresses['data'] ?? '';
    const ask = async (input: string) =>
      (
        await stack.inNetwork([process.execPath, '-e', talk, address, '6379'], { input: `${input}\r\nQUIT\r\n` })
      ).trim();
    const stranger = await ask('GET anything');
    if (!stranger.includes('NOAUTH')) throw new Error(`without the password it answers ${stranger}`);
    const answer = await ask(`AUTH ${password}\r\nCONFIG GET appendfsync\r\nCONFIG GET appendonly`);
    const words = answer.split('\r\n');
    if (!words.includes('always') || !words.includes('yes')) throw new Error(answer);
    return 'appendonly yes, appendfsync always; without the password: NOAUTH';
  });
}

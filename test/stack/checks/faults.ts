import { chmod } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Steps } from '../../support/steps.ts';
import { type Container, findContainer, listContainers } from '../containers.ts';
import type { Stack } from '../stack.ts';
import { nine } from '../topology.ts';
import { type Keepsakes, verifyKept } from './demo.ts';

const pollMs = 100;
const killed = ['ledger', 'vm'] as const;

/** Containers that are killed come back by themselves; a stack that is taken down and up has everything still. */
export async function checkFaults(steps: Steps, stack: Stack, kept: Keepsakes): Promise<void> {
  for (const service of killed) {
    await steps.check(`kill -9 ${service}`, async () => {
      const before = await findContainer(stack, service);
      const startedAt = performance.now();
      // By the process, not by `docker kill`: that one means it, and nothing is started again.
      process.kill(before.pid, 'SIGKILL');
      await waitUntilHealthy(stack, nine, (one) => one.service !== service || one.restarts > before.restarts);
      await stack.get('http://127.0.0.1:8082/readyz');
      return `restarted, the nine healthy and the gateway ready ${((performance.now() - startedAt) / 1000).toFixed(1)} s later`;
    });
  }
  await steps.check('down and up', async () => {
    const before = await readState(stack);
    await stack.down();
    await chmod(stack.root, 0o700); // as a careful operator leaves it
    const seconds = await stack.up(['compose.yaml']);
    const after = await readState(stack);
    if (JSON.stringify(after) !== JSON.stringify(before)) {
      throw new Error(`before ${JSON.stringify(before)}, after ${JSON.stringify(after)}`);
    }
    await verifyKept(stack, kept);
    const { treeSize, blockNumber } = after;
    return `healthy after ${seconds.toFixed(1)} s; ${treeSize} entries, block ${Number(blockNumber)}, the same heads; the bundle verifies`;
  });
}

/** Resolves when every one of the services is healthy and `isReached` holds of each. */
export async function waitUntilHealthy(
  stack: Stack,
  services: readonly string[],
  isReached: (container: Container) => boolean = () => true,
  timeoutMs = 60_000,
): Promise<void> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const containers = (await listContainers(stack)).filter(({ service }) => services.includes(service));
    const healthy = containers.filter((one) => one.inspected.State.Health?.Status === 'healthy' && isReached(one));
    if (healthy.length === services.length) return;
    if (performance.now() > until) {
      const missing = services.filter((name) => !healthy.some(({ service }) => service === name));
      throw new Error(`not healthy after ${timeoutMs / 1000} s: ${missing.join(', ')}`);
    }
    await delay(pollMs);
  }
}

/** The heads of ledger and chain: whatever was kept leads to them. */
export async function readState(stack: Stack) {
  const [, treeSize = '', rootHash = ''] = (await stack.get('http://127.0.0.1:8086/checkpoint')).split('\n');
  const body = { jsonrpc: '2.0', id: 1, method: 'eth_getBlockByNumber', params: ['latest', false] };
  const answer = await stack.get(
    'http://127.0.0.1:8084/rpc',
    '-H',
    'content-type: application/json',
    '-d',
    JSON.stringify(body),
  );
  const { result } = JSON.parse(answer) as { result: { number: string; hash: string } };
  return { treeSize, rootHash, blockNumber: result.number, blockHash: result.hash };
}

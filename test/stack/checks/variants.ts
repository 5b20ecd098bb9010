import type { Steps } from '../../support/steps.ts';
import { findContainer, startTimeOf } from '../containers.ts';
import type { Stack } from '../stack.ts';
import { checkConfinement } from './confinement.ts';
import { type Keepsakes, verifyKept } from './demo.ts';
import { readState } from './faults.ts';
import { checkMemory } from './memory.ts';

const singleProcessMemory = { bar: 130, most: 230 };

/** The files beside compose.yaml: one process for all on the same data, and the chain alone. */
export async function checkVariants(steps: Steps, stack: Stack, kept: Keepsakes): Promise<void> {
  await steps.need('one process on the data of nine', async () => {
    await stack.up(['compose.yaml']);
    const before = await readState(stack);
    await stack.down();
    const seconds = await stack.up(['single-process.yaml']);
    const after = await readState(stack);
    if (JSON.stringify(after) !== JSON.stringify(before))
      throw new Error(`${JSON.stringify(before)} became ${JSON.stringify(after)}`);
    await verifyKept(stack, kept);
    const start = startTimeOf(await findContainer(stack, 'platform')) ?? 0;
    return [
      undefined,
      `healthy after ${seconds.toFixed(1)} s, its process after ${(start / 1000).toFixed(1)} s; the same heads`,
    ];
  });
  await checkMemory(steps, stack, ['platform'], singleProcessMemory);
  await checkConfinement(steps, stack);
  await stack.down();
  await steps.check('standalone', async () => {
    const standalone = stack.with({}, { project: 'lucid-standalone' });
    try {
      const seconds = await standalone.up(['standalone.yaml']);
      const { result } = JSON.parse(
        await stack.get('http://127.0.0.1:8084/rpc', '-H', 'content-type: application/json', '-d', chainIdCall),
      ) as { result: string };
      return `healthy after ${seconds.toFixed(1)} s; chain ${Number(result)}`;
    } finally {
      await standalone.down();
    }
  });
}

const chainIdCall = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] });

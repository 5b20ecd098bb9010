import { setTimeout as delay } from 'node:timers/promises';
import type { Steps } from '../../support/steps.ts';
import { listContainers } from '../containers.ts';
import { proportionalBytes } from '../processes.ts';
import type { Stack } from '../stack.ts';

const megabyte = 1_000_000;

/** What idle means: nobody has called for this long. */
const idleMs = 5000;

/** Sums of proportional set sizes, in megabytes: the design's bar, and what is reached today, which may not grow. */
export interface MemoryLimits {
  readonly bar: number;
  readonly most: number;
}

/** Idle memory of services that have just been started; fails over `most`, and says where the bar is not met. */
export async function checkMemory(
  steps: Steps,
  stack: Stack,
  services: readonly string[],
  { bar, most }: MemoryLimits,
): Promise<void> {
  await steps.check(`idle memory of ${services.length === 1 ? services[0] : `the ${services.length}`}`, async () => {
    await delay(idleMs);
    const containers = (await listContainers(stack)).filter(({ service }) => services.includes(service));
    const sizes = await Promise.all(
      containers.map(async ({ service, pid }) => ({ service, megabytes: (await proportionalBytes(pid)) / megabyte })),
    );
    const total = sizes.reduce((sum, { megabytes }) => sum + megabytes, 0);
    const each = sizes.map(({ service, megabytes }) => `${service} ${Math.round(megabytes)}`).join(', ');
    const verdict = total > bar ? `, not met; at most ${most}` : '';
    const text = `${Math.round(total)} MB of proportional set size (bar ${bar}${verdict}): ${each}`;
    if (containers.length !== services.length || total > most) throw new Error(text);
    return text;
  });
}

import { availableParallelism, loadavg } from 'node:os';
import type { Steps } from '../../support/steps.ts';
import { listContainers, startTimeOf } from '../containers.ts';
import type { Stack } from '../stack.ts';

const healthyBarSeconds = 20;

/** From an empty disk to nine healthy services, with nothing edited. */
export async function checkStart(steps: Steps, stack: Stack): Promise<void> {
  await stack.down();
  await stack.empty();
  const seconds = await steps.need('up on an empty disk', async () => {
    const taken = await stack.up(['compose.yaml']);
    return [taken, 'nothing edited, all healthy'];
  });
  await steps.check('time until all are healthy', () => {
    const text = `${seconds.toFixed(1)} s (bar ${healthyBarSeconds} s); load average ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} cores`;
    if (seconds > healthyBarSeconds) throw new Error(text);
    return text;
  });
  await steps.check('start of each service', async () => {
    const times = (await listContainers(stack)).map(
      (one) => `${one.service} ${((startTimeOf(one) ?? 0) / 1000).toFixed(1)}`,
    );
    return `s from the container's start to its first good health check, looked at every second: ${times.join(', ')}`;
  });
}

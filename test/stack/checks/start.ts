import { availableParallelism, loadavg } from 'node:os';
import type { Steps } from '../../support/steps.ts';
import { listContainers, startTimeOf } from '../containers.ts';
import type { Stack } from '../stack.ts';

/** From `up` to nine healthy services: the design's bar, and what even a busy machine keeps. */
const healthySeconds = { bar: 20, most: 60 };

/** From an empty disk to nine healthy services, with nothing edited. */
export async function checkStart(steps: Steps, stack: Stack): Promise<void> {
  await stack.down();
  await stack.empty();
  const seconds = await steps.need('up on an empty disk', async () => {
    const taken = await stack.up(['compose.yaml']);
    return [taken, 'nothing edited, all healthy'];
  });
  await steps.check('time until all are healthy', () => {
    const verdict = seconds > healthySeconds.bar ? `, not met; at most ${healthySeconds.most} s` : '';
    const text = `${seconds.toFixed(1)} s (bar ${healthySeconds.bar} s${verdict}); load average ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} cores`;
    if (seconds > healthySeconds.most) throw new Error(text);
    return text;
  });
  await steps.check('start of each service', async () => {
    const times = (await listContainers(stack)).map(
      (one) => `${one.service} ${((startTimeOf(one) ?? 0) / 1000).toFixed(1)}`,
    );
    return `s from the container's start to its first good health check, looked at every second: ${times.join(', ')}`;
  });
}

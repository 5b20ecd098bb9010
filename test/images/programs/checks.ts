import type { Steps } from '../../support/steps.ts';
import type { Engine } from '../engine.ts';
import { variants } from './container.ts';
import { checkRedis } from './redis.ts';
import { TorBench } from './tor-proxy.ts';

/** Runs the images of Debian's own programs, `REPOSITORY:tor-proxy` and `REPOSITORY:redis`, on every platform. */
export async function checkPrograms(steps: Steps, engine: Engine, repository: string): Promise<void> {
  for (const variant of variants)
    await steps.check(`redis runs (${variant.name})`, () => checkRedis(engine, `${repository}:redis`, variant));
  await using resources = new AsyncDisposableStack();
  const benches: TorBench[] = [];
  await steps.check('a private Tor network at a bridge', async () => {
    benches.push(resources.use(await TorBench.open(engine)));
    return '';
  });
  const [bench] = benches;
  if (!bench) return;
  for (const variant of variants)
    await steps.check(`tor-proxy runs (${variant.name})`, () => bench.check(`${repository}:tor-proxy`, variant));
}

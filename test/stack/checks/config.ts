import type { Steps } from '../../support/steps.ts';
import type { ComposeFiles, Stack } from '../stack.ts';

const combinations: readonly ComposeFiles[] = [
  ['compose.yaml'],
  ['compose.yaml', 'tor.yaml'],
  ['compose.yaml', 'redis.yaml'],
  ['compose.yaml', 'mongo.yaml'],
  ['compose.yaml', 'dev.yaml'],
  ['compose.yaml', 'tor.yaml', 'redis.yaml', 'mongo.yaml', 'dev.yaml'],
  ['compose.yaml', 'test/stack/emulated.yaml'],
  ['single-process.yaml'],
  ['single-process.yaml', 'tor.yaml'],
  ['single-process.yaml', 'test/stack/emulated-16k.yaml'],
  ['standalone.yaml'],
];

/** Every way to combine the files is one that Compose takes. */
export async function checkConfig(steps: Steps, stack: Stack): Promise<void> {
  await steps.check('compose config', async () => {
    for (const files of combinations) await stack.compose(files, ['config', '-q']);
    return `${combinations.length} combinations of files`;
  });
}

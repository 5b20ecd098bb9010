import { run } from '@lucid/common/runtime/run';
import { openStandalone } from '../standalone.ts';
import { configSchema } from './config.ts';

await run({
  name: 'standalone-blockchain-api',
  schema: configSchema,
  open: async (config, context) => await openStandalone(config, context, process.env),
  env: process.env,
});

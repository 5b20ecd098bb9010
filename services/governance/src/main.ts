import { run } from '@lucid/common/runtime/run';
import { configSchema } from './config.ts';
import { openGovernance } from './open.ts';

await run({ name: 'governance', schema: configSchema, open: openGovernance, env: process.env });

import { run } from '@lucid/common/runtime/run';
import { configSchema } from './config.ts';
import { openApi } from './open.ts';

await run({ name: 'api', schema: configSchema, open: openApi, env: process.env });

import { run } from '@lucid/common/runtime/run';
import { configSchema } from './config.ts';
import { openVm } from './open.ts';

await run({ name: 'vm', schema: configSchema, open: openVm, env: process.env });

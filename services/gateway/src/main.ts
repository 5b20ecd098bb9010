import { run } from '@lucid/common/runtime/run';
import { configSchema } from './config.ts';
import { openGateway } from './open.ts';

await run({ name: 'gateway', schema: configSchema, open: openGateway, env: process.env });

import { run } from '@lucid/common/runtime/run';
import { configSchema } from './config.ts';
import { openOpenapiServer } from './open.ts';

await run({ name: 'openapi-server', schema: configSchema, open: openOpenapiServer, env: process.env });

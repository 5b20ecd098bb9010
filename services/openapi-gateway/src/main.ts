import { run } from '@lucid/common/runtime/run';
import { configSchema } from './config.ts';
import { openOpenapiGateway } from './open.ts';

await run({ name: 'openapi-gateway', schema: configSchema, open: openOpenapiGateway, env: process.env });

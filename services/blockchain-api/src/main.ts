import { run } from '@lucid/common/runtime/run';
import { configSchema } from './config.ts';
import { openBlockchainApi } from './open.ts';

await run({ name: 'blockchain-api', schema: configSchema, open: openBlockchainApi, env: process.env });

import { run } from '@lucid/common/runtime/run';
import { configSchema } from './config.ts';
import { openLedger } from './open.ts';

await run({ name: 'ledger', schema: configSchema, open: openLedger, env: process.env });

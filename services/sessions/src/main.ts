import { run } from '@lucid/common/runtime/run';
import { configSchema } from './config.ts';
import { openSessions } from './open.ts';

await run({ name: 'sessions', schema: configSchema, open: openSessions, env: process.env });

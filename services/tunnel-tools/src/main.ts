import { run } from '@lucid/common/runtime/run';
import { configSchema } from './config.ts';
import { openTunnelTools } from './open.ts';

await run({ name: 'tunnel-tools', schema: configSchema, open: openTunnelTools, env: process.env });

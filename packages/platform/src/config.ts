import { type Config, defineConfig } from '@lucid/common/runtime/config';
import { logLevels } from '@lucid/common/runtime/service-config';

/** The variables of the platform in one process; each service's own variables may be given beside them. */
export const configSchema = defineConfig({
  dataDir: { name: 'LUCID_DATA_DIR', type: 'path', default: '.data', doc: 'Where data and keys are kept' },
  host: { name: 'LUCID_HOST', type: 'string', default: '127.0.0.1', doc: 'Address the nine services listen on' },
  firstPort: {
    name: 'LUCID_FIRST_PORT',
    type: 'port',
    default: 8080,
    min: 1024,
    max: 65_527,
    doc: 'Port of openapi-gateway; the other eight follow in order',
  },
  logLevel: {
    name: 'LUCID_LOG_LEVEL',
    type: 'enum',
    values: logLevels,
    default: 'warn',
    doc: 'Least serious level that is logged',
  },
  profile: {
    name: 'LUCID_PROFILE',
    type: 'enum',
    values: ['dev', 'production'],
    default: 'dev',
    doc: 'Governance timings of a new chain: seconds (dev) or days (production)',
  },
});

export type PlatformConfig = Config<typeof configSchema>;

import { identityVariables } from '@lucid/common/http/identity-config';
import { type Config, defineConfig } from '@lucid/common/runtime/config';
import { serviceVariables } from '@lucid/common/runtime/service-config';

/** The ledger's variables. */
export const configSchema = defineConfig({
  ...serviceVariables('LEDGER', 8086),
  ...identityVariables,
  dataDir: { name: 'LEDGER_DATA_DIR', type: 'path', default: '/var/lib/ledger', doc: 'Folder of the log' },
  publishedDir: {
    name: 'LEDGER_PUBLISHED_DIR',
    type: 'path',
    optional: true,
    doc: 'Folder of the last published checkpoint, best on another disk; `published` in the data folder without it',
  },
  key: {
    name: 'LEDGER_KEY_FILE',
    type: 'secretFile',
    doc: 'Ed25519 private key (PKCS#8 PEM) that signs the checkpoints; must stay the same for the life of the log',
  },
  originHost: {
    name: 'LEDGER_ORIGIN_HOST',
    type: 'string',
    default: 'lucid.localhost',
    doc: "First part of the log's origin `<host>/lucid/lucid`; must stay the same for the life of the log",
  },
  adoptStore: {
    name: 'LEDGER_ADOPT_STORE',
    type: 'boolean',
    default: false,
    doc: 'Start once on a store whose published checkpoint is lost: only if nobody holds a newer one',
  },
  storeBufferBytes: {
    name: 'LEDGER_STORE_BUFFER_BYTES',
    type: 'bytes',
    default: 16 * 1024 * 1024,
    min: 1024 * 1024,
    max: 256 * 1024 * 1024,
    doc: 'Memory that gathers commits before a sorted file is written; more makes heavy appending smoother',
  },
});

export type LedgerConfig = Config<typeof configSchema>;

import { identityVariables } from '@lucid/common/http/identity-config';
import { type Config, defineConfig } from '@lucid/common/runtime/config';
import { serviceVariables } from '@lucid/common/runtime/service-config';

/** The sessions service's variables. */
export const configSchema = defineConfig({
  ...serviceVariables('SESSIONS', 8087),
  ...identityVariables,
  dataDir: {
    name: 'SESSIONS_DATA_DIR',
    type: 'path',
    default: '/var/lib/sessions',
    doc: 'Folder of the records (`store`) and of the ciphertext (`content`)',
  },
  ledgerUrl: { name: 'LEDGER_URL', type: 'url', default: 'http://127.0.0.1:8086', doc: 'Where seals are written' },
  blockchainApiUrl: {
    name: 'BLOCKCHAIN_API_URL',
    type: 'url',
    default: 'http://127.0.0.1:8084',
    doc: 'Where anchors are ordered and the governed chunk limit is read',
  },
  openPerOwnerMax: {
    name: 'SESSIONS_OPEN_PER_OWNER_MAX',
    type: 'integer',
    default: 1000,
    min: 1,
    max: 1_000_000,
    doc: 'Sessions one owner may have that are not sealed',
  },
  uploadsMax: {
    name: 'SESSIONS_UPLOADS_MAX',
    type: 'integer',
    default: 64,
    min: 1,
    max: 4096,
    doc: 'Chunk uploads at once, in all',
  },
  uploadsPerSessionMax: {
    name: 'SESSIONS_UPLOADS_PER_SESSION_MAX',
    type: 'integer',
    default: 16,
    min: 1,
    max: 4096,
    doc: 'Chunk uploads at once of one session',
  },
  chunkGapMax: {
    name: 'SESSIONS_CHUNK_GAP_MAX',
    type: 'integer',
    default: 1024,
    min: 0,
    max: 100_000,
    doc: 'How many indexes past the first missing chunk are taken',
  },
  chunkInitialBytes: {
    name: 'SESSIONS_CHUNK_INITIAL_BYTES',
    type: 'bytes',
    default: 16 * 1024 * 1024,
    min: 64 * 1024,
    max: 64 * 1024 * 1024,
    doc: 'Limit of a chunk before compression until the chain has said its `maxChunkSize`',
  },
  paramPollMs: {
    name: 'SESSIONS_PARAM_POLL_MS',
    type: 'durationMs',
    default: 1000,
    min: 10,
    max: 60_000,
    doc: 'How often the chain is asked for `maxChunkSize`',
  },
  anchorPollMs: {
    name: 'SESSIONS_ANCHOR_POLL_MS',
    type: 'durationMs',
    default: 100,
    min: 10,
    max: 60_000,
    doc: 'First pause between two looks at a queued anchor; doubled up to 30 s',
  },
  uploadIdleMs: {
    name: 'SESSIONS_UPLOAD_IDLE_MS',
    type: 'durationMs',
    default: 30_000,
    min: 100,
    max: 600_000,
    doc: 'How long an upload may bring nothing',
  },
  uploadTimeoutMs: {
    name: 'SESSIONS_UPLOAD_TIMEOUT_MS',
    type: 'durationMs',
    default: 900_000,
    min: 1000,
    max: 7_200_000,
    doc: 'How long one request may take to arrive whole',
  },
});

export type SessionsConfig = Config<typeof configSchema>;

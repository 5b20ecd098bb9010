import { identityVariables } from '@lucid/common/http/identity-config';
import { type Config, defineConfig } from '@lucid/common/runtime/config';
import { serviceVariables } from '@lucid/common/runtime/service-config';

/** The service's environment. */
export const configSchema = defineConfig({
  ...serviceVariables('BLOCKCHAIN_API', 8084),
  ...identityVariables,
  vmUrl: { name: 'VM_URL', type: 'url', default: 'http://127.0.0.1:8088', doc: 'The chain' },
  vmTimeoutMs: {
    name: 'BLOCKCHAIN_API_VM_TIMEOUT_MS',
    type: 'durationMs',
    default: 30_000,
    min: 100,
    max: 300_000,
    doc: 'How long the chain may take for one request or batch',
  },
  dataDir: {
    name: 'BLOCKCHAIN_API_DATA_DIR',
    type: 'path',
    default: '/var/lib/blockchain-api',
    doc: 'Folder of the anchor queue',
  },
  anchorerKey: {
    name: 'BLOCKCHAIN_API_ANCHORER_KEY_FILE',
    type: 'secretFile',
    doc: 'secp256k1 private key (0x and 64 hex digits) of an account that holds ANCHORER_ROLE; used by nothing else',
  },
  anchorQueueMax: {
    name: 'BLOCKCHAIN_API_ANCHOR_QUEUE_MAX',
    type: 'integer',
    default: 1_000_000,
    min: 1,
    doc: 'Anchors that may wait for the chain; more are answered ANCHOR_QUEUE_FULL',
  },
  anchorsInFlightMax: {
    name: 'BLOCKCHAIN_API_ANCHORS_IN_FLIGHT_MAX',
    type: 'integer',
    default: 128,
    min: 1,
    max: 1024,
    doc: 'Registrations that are sent and not yet in a block',
  },
  anchorPollMs: {
    name: 'BLOCKCHAIN_API_ANCHOR_POLL_MS',
    type: 'durationMs',
    default: 50,
    min: 5,
    max: 60_000,
    doc: 'Time between two looks for blocks while registrations are in flight',
  },
  rpcBatchMax: {
    name: 'BLOCKCHAIN_API_RPC_BATCH_MAX',
    type: 'integer',
    default: 100,
    min: 1,
    max: 1000,
    doc: 'Requests in one JSON-RPC batch',
  },
  callsPerMinute: {
    name: 'BLOCKCHAIN_API_CALLS_PER_MINUTE',
    type: 'integer',
    default: 30_000,
    min: 1,
    doc: 'JSON-RPC calls of one token or address class, those of a batch counted one by one; services have no limit',
  },
  transactionsPerMinute: {
    name: 'BLOCKCHAIN_API_TRANSACTIONS_PER_MINUTE',
    type: 'integer',
    default: 6_000,
    min: 1,
    doc: 'Transactions one token may send; they cost no fee',
  },
  filtersPerMinute: {
    name: 'BLOCKCHAIN_API_FILTERS_PER_MINUTE',
    type: 'integer',
    default: 60,
    min: 1,
    doc: 'Filters one token or address class may install; the chain has room for a number of them in all',
  },
  proxyAddresses: {
    name: 'BLOCKCHAIN_API_PROXY_ADDRESSES',
    type: 'string',
    default: '127.0.0.1,::1',
    doc: 'Addresses and ranges whose `X-Forwarded-For` is believed (its last entry): the gateway',
  },
  rpcResponseBytesMax: {
    name: 'BLOCKCHAIN_API_RPC_RESPONSE_BYTES',
    type: 'bytes',
    default: 16 * 1024 * 1024,
    min: 1024,
    max: 256 * 1024 * 1024,
    doc: 'Largest answer of the chain to one request or batch',
  },
});

export type BlockchainApiConfig = Config<typeof configSchema>;

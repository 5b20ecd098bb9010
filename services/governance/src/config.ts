import { identityVariables } from '@lucid/common/http/identity-config';
import { type Config, defineConfig } from '@lucid/common/runtime/config';
import { serviceVariables } from '@lucid/common/runtime/service-config';

export const configSchema = defineConfig({
  ...serviceVariables('GOVERNANCE', 8085),
  ...identityVariables,
  dataDir: {
    name: 'GOVERNANCE_DATA_DIR',
    type: 'path',
    default: '/var/lib/governance',
    doc: 'Holds `index/`, which may be deleted and is rebuilt from the chain, and `relay/`, which may not',
  },
  blockchainApiUrl: {
    name: 'BLOCKCHAIN_API_URL',
    type: 'url',
    default: 'http://127.0.0.1:8084',
    doc: 'The chain: JSON-RPC of blockchain-api',
  },
  relayerKey: {
    name: 'GOVERNANCE_RELAYER_KEY_FILE',
    type: 'secretFile',
    doc: 'secp256k1 private key (0x hex) that sends signed votes and executes proposals; it holds no right on chain',
  },
  syncIntervalMs: {
    name: 'GOVERNANCE_SYNC_INTERVAL_MS',
    type: 'durationMs',
    default: 1_000,
    min: 10,
    max: 60_000,
    doc: 'How often the chain is asked for new events, and due proposals are queued and executed',
  },
  syncBlocks: {
    name: 'GOVERNANCE_SYNC_BLOCKS',
    type: 'integer',
    default: 1_000,
    min: 1,
    max: 100_000,
    doc: 'Blocks read and indexed at a time',
  },
  receiptTimeoutMs: {
    name: 'GOVERNANCE_RECEIPT_TIMEOUT_MS',
    type: 'durationMs',
    default: 10_000,
    min: 100,
    max: 120_000,
    doc: 'How long a transaction may take to be in a block before the caller is told to try again',
  },
});

export type GovernanceConfig = Config<typeof configSchema>;

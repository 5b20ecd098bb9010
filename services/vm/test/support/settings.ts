import { generateKeyPairSync } from 'node:crypto';
import type { ChainSettings } from '../../src/settings.ts';
import { testGenesis } from './accounts.ts';

/** What a chain's thread is started with in tests; nobody listens where the ledger should be. */
export function testSettings(folder: string, overrides: Partial<ChainSettings> = {}): ChainSettings {
  return {
    version: 'test',
    folder,
    genesisText: JSON.stringify(testGenesis()),
    blockGasLimit: 30_000_000,
    blockIntervalMs: 0,
    blockRunMs: 500,
    callGasMax: 16_777_216,
    pool: { transactionsMax: 10_000, bytesMax: 1 << 26, readyPerAccountMax: 10_000, queuedPerAccountMax: 64 },
    poolSync: true,
    filters: { resultsMax: 10_000, blocksMax: 10_000, filtersMax: 10, filterTtlMs: 60_000 },
    nodeCacheBytes: 1 << 20,
    blockCacheBytes: 1 << 20,
    ledgerUrl: 'http://127.0.0.1:9',
    serviceKeyPem: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ...overrides,
  };
}

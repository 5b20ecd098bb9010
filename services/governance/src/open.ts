import { join } from 'node:path';
import { createIdentity } from '@lucid/common/http/identity-config';
import { livenessOf } from '@lucid/common/http/service-client';
import type { Logger } from '@lucid/common/runtime/logger';
import type { OpenService, ServiceContext } from '@lucid/common/runtime/run';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { buildApp } from './app.ts';
import { ChainClient } from './clients/chain-client.ts';
import { createRelaySigner } from './clients/relay-wallet.ts';
import { Rpc } from './clients/rpc.ts';
import type { GovernanceConfig } from './config.ts';
import { Executor } from './domain/executor.ts';
import { type Governance, getCurrent } from './domain/governance.ts';
import { Indexer } from './domain/indexer.ts';
import { Relay } from './domain/relay.ts';
import { IndexStore } from './store/index-store.ts';
import { openRelayStore } from './store/relay-store.ts';

/** Opens the stores, the chain's client and the workers, and builds the app on them. */
export async function openGovernance(
  config: GovernanceConfig,
  { logger, clock }: ServiceContext,
): Promise<OpenService> {
  await using stack = new AsyncDisposableStack();
  const indexFolder = stack.use(await openLevelStore(join(config.dataDir, 'index')));
  const relayFolder = stack.use(await openLevelStore(join(config.dataDir, 'relay')));
  const { verifyToken, issueToken } = createIdentity('governance', config);
  const chain = new ChainClient(new Rpc({ baseUrl: config.blockchainApiUrl, issueToken }));
  const index = new IndexStore(indexFolder);
  const onRebuild = () => logger.warn('the chain is not the one that was indexed: the index is built anew');
  const indexer = new Indexer({ chain, index, syncBlocks: config.syncBlocks, onRebuild });
  const store = stack.use(await openRelayStore(relayFolder, clock));
  const signer = createRelaySigner(config.relayerKey.reveal(), () => getCurrent({ index }).settings.chainId);
  const { receiptTimeoutMs } = config;
  const relay = new Relay({ chain, index, indexer, store, signer, clock, receiptTimeoutMs });
  const governance: Governance = { chain, index, indexer, relay, clock, receiptTimeoutMs };
  const health = new SyncHealth(logger);
  const executor = stack.use(
    new Executor({ ...governance, intervalMs: config.syncIntervalMs, onFailure: (error) => health.fail(error) }),
  );
  const app = await buildApp({ governance, verifyToken, logger });
  app.readiness.add('blockchain-api', livenessOf('blockchain-api', config.blockchainApiUrl));
  app.readiness.add('store', () => {
    if (relayFolder.failure) throw relayFolder.failure;
  });
  app.readiness.add('index', () => void getCurrent({ index }));
  store.start((name, signal) => relay.deliver(name, signal));
  executor.start();
  const owned = stack.move();
  return { app, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Logs a failing chain once, not at every round. */
class SyncHealth {
  readonly #logger: Logger;
  #last = '';

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    if (message !== this.#last) this.#logger.warn({ err: error }, 'the chain cannot be followed');
    this.#last = message;
  }
}

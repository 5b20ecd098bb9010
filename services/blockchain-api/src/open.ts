import { join } from 'node:path';
import { createClientClassifier } from '@lucid/common/http/client-address';
import { createIdentity } from '@lucid/common/http/identity-config';
import { livenessOf } from '@lucid/common/http/service-client';
import type { OpenService, ServiceContext } from '@lucid/common/runtime/run';
import { openLevelStore } from '@lucid/common/storage/level-store';
import type { FastifyInstance } from 'fastify';
import { buildApp } from './app.ts';
import { createAnchorChain } from './clients/anchor-chain-client.ts';
import { createVmClient, forwardTo } from './clients/vm-client.ts';
import type { BlockchainApiConfig } from './config.ts';
import { AnchorWorker } from './domain/anchor-worker.ts';
import { limitCallers } from './domain/caller-limits.ts';
import { ChainParams } from './domain/chain-params.ts';
import { openRegistrationSigner } from './domain/registration.ts';
import { openAnchorStore } from './store/anchor-store.ts';

/** What `openBlockchainApi` answers; disposing it stops the worker and closes the store. */
export interface OpenBlockchainApi extends OpenService {
  readonly app: FastifyInstance;
}

/** How long the anchor worker and the explorer wait for the chain, ms. */
const ownCallTimeoutMs = 10_000;

/**
 * Composes the service: the queue's store, the clients of the vm, the anchor worker, the app. It opens without the vm;
 * `/readyz` says so until the vm is there.
 * @throws SERVICE_KEY_INVALID, ANCHORER_KEY_INVALID, STORE_LOCKED, STORE_CORRUPT, STORE_OPEN_FAILED
 */
export async function openBlockchainApi(
  config: BlockchainApiConfig,
  context: ServiceContext,
): Promise<OpenBlockchainApi> {
  const { logger, clock } = context;
  const { verifyToken, issueToken } = createIdentity('blockchain-api', config);
  const signer = openRegistrationSigner(config.anchorerKey.reveal());
  await using stack = new AsyncDisposableStack();
  const store = stack.use(await openLevelStore(join(config.dataDir, 'anchors')));
  const anchors = stack.use(await openAnchorStore({ store, clock, queueMax: config.anchorQueueMax }));

  const vm = { baseUrl: config.vmUrl, issueToken, responseBytesMax: config.rpcResponseBytesMax };
  const callers = createVmClient({ ...vm, timeoutMs: config.vmTimeoutMs });
  const own = createVmClient({ ...vm, timeoutMs: ownCallTimeoutMs });
  const reads = createVmClient({ ...vm, timeoutMs: ownCallTimeoutMs, breaker: { failuresMax: 5, openMs: 2000 } });
  const worker = new AnchorWorker({
    store: anchors,
    chain: createAnchorChain(own),
    signer,
    clock,
    logger,
    inFlightMax: config.anchorsInFlightMax,
    pollMs: config.anchorPollMs,
  });
  const app = await buildApp({
    anchors,
    worker,
    rpc: reads,
    forward: limitCallers(forwardTo(callers), { ...config, deadlineMs: config.vmTimeoutMs }),
    classifyClient: createClientClassifier(config.proxyAddresses),
    batchMax: config.rpcBatchMax,
    params: new ChainParams(reads),
    verifyToken,
    logger,
  });
  app.readiness.add('vm', livenessOf('vm', config.vmUrl));
  worker.start();
  stack.use(worker);
  stack.defer(() => app.close());
  const resources = stack.move();
  return { app, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

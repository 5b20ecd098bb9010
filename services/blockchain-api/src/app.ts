import { blockchainApi } from '@lucid/common/apis/blockchain';
import type { VerifyToken } from '@lucid/common/http/identity';
import { assertComplete } from '@lucid/common/http/implement';
import { createService } from '@lucid/common/http/service';
import type { Logger } from '@lucid/common/runtime/logger';
import type { FastifyInstance } from 'fastify';
import type { AnchorStore } from './domain/anchor.ts';
import type { AnchorWorker } from './domain/anchor-worker.ts';
import type { ChainParams } from './domain/chain-params.ts';
import type { ChainRpc } from './domain/json-rpc.ts';
import { installMetrics } from './metrics.ts';
import { anchorRoutes } from './routes/anchors.ts';
import { explorerRoutes } from './routes/explorer.ts';
import { paramRoutes } from './routes/params.ts';
import { type RpcRouteDeps, rpcRoutes } from './routes/rpc.ts';

export interface BlockchainApiDeps extends RpcRouteDeps {
  readonly anchors: AnchorStore & { readonly failure: Error | undefined };
  readonly worker: AnchorWorker;
  /** The chain, for the service's own reads. */
  readonly rpc: ChainRpc;
  readonly params: ChainParams;
  readonly verifyToken: VerifyToken;
  readonly logger: Logger;
  /** Hold every answer to its declared schema. */
  readonly checkResponses?: boolean;
}

/** The service's routes over its parts; never listens. */
export async function buildApp(deps: BlockchainApiDeps): Promise<FastifyInstance> {
  const app = await createService({
    api: blockchainApi,
    version: '0.1.0',
    logger: deps.logger,
    verifyToken: deps.verifyToken,
    checkResponses: deps.checkResponses ?? false,
  });
  const { anchors, worker, rpc } = deps;
  app.readiness.add('store', () => throwIf(anchors.failure));
  app.readiness.add('anchors', () => throwIf(worker.fault));
  installMetrics(app, anchors, worker);
  await rpcRoutes(app, deps);
  await explorerRoutes(app, { rpc });
  await anchorRoutes(app, { anchors, rpc, notify: () => worker.notify() });
  await paramRoutes(app, deps);
  assertComplete(app, blockchainApi);
  return app;
}

function throwIf(failure: Error | undefined): void {
  if (failure) throw failure;
}

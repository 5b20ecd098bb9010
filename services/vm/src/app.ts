/** The service's table of contents. */
import { vmApi } from '@lucid/common/apis/vm';
import type { HealthCheck } from '@lucid/common/http/health';
import type { VerifyToken } from '@lucid/common/http/identity';
import { assertComplete } from '@lucid/common/http/implement';
import { createService } from '@lucid/common/http/service';
import type { Logger } from '@lucid/common/runtime/logger';
import type { FastifyInstance } from 'fastify';
import type { ChainBackend } from './domain/backend.ts';
import { installMetrics } from './metrics.ts';
import { rpcRoutes } from './routes/rpc.ts';
import { viewRoutes } from './routes/views.ts';

export type AppParts = {
  readonly version: string;
  readonly logger: Logger;
  readonly verifyToken: VerifyToken;
  readonly backend: ChainBackend;
  /** What readiness depends on, by name. */
  readonly checks: Readonly<Record<string, HealthCheck>>;
};

/** Builds the app; it does not listen. */
export async function buildApp(parts: AppParts): Promise<FastifyInstance> {
  const { version, logger, verifyToken, backend } = parts;
  const app = await createService({
    api: vmApi,
    version,
    logger,
    verifyToken,
    limits: { requestsInFlightMax: 4096 },
  });
  for (const [name, check] of Object.entries(parts.checks)) app.readiness.add(name, check);
  installMetrics(app, backend);
  await app.register(rpcRoutes, { backend });
  await app.register(viewRoutes, { backend });
  await app.after();
  assertComplete(app, vmApi);
  return app;
}

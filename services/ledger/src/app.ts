import { ledgerApi } from '@lucid/common/apis/ledger';
import type { VerifyToken } from '@lucid/common/http/identity';
import { assertComplete } from '@lucid/common/http/implement';
import { createService } from '@lucid/common/http/service';
import type { Logger } from '@lucid/common/runtime/logger';
import type { FastifyInstance } from 'fastify';
import type { LogHost } from './domain/log-host.ts';
import { installMetrics } from './metrics.ts';
import { entryRoutes } from './routes/entries.ts';
import { logRoutes } from './routes/log.ts';
import { proofRoutes } from './routes/proofs.ts';
import { tileRoutes } from './routes/tiles.ts';

export type LedgerDeps = {
  readonly host: LogHost;
  readonly logger: Logger;
  readonly verifyToken: VerifyToken;
  /** Hold every answer to its schema (tests do). */
  readonly checkResponses?: boolean;
};

/** The ledger's app: its routes over an open log. It never listens. */
export async function buildApp({
  host,
  logger,
  verifyToken,
  checkResponses = false,
}: LedgerDeps): Promise<FastifyInstance> {
  const app = await createService({ api: ledgerApi, version: '0.1.0', logger, verifyToken, checkResponses });
  app.readiness.add('log', () => void host.log);
  installMetrics(app, host);
  await app.register(entryRoutes, { host });
  await app.register(proofRoutes, { host });
  await app.register(tileRoutes, { host });
  await app.register(logRoutes, { host });
  assertComplete(app, ledgerApi);
  return app;
}

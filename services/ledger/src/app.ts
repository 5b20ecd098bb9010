import { ledgerApi } from '@lucid/common/apis/ledger';
import { defaultLogName } from '@lucid/common/apis/ledger-schemas';
import type { ClassifyClient } from '@lucid/common/http/client-address';
import { createClientClassifier } from '@lucid/common/http/client-address';
import type { VerifyToken } from '@lucid/common/http/identity';
import { assertComplete } from '@lucid/common/http/implement';
import { createService } from '@lucid/common/http/service';
import type { Logger } from '@lucid/common/runtime/logger';
import type { FastifyInstance } from 'fastify';
import type { LogHost } from './domain/log-host.ts';
import { installMetrics } from './metrics.ts';
import { appendRoutes } from './routes/appends.ts';
import { entryRoutes } from './routes/entries.ts';
import { type FollowLimits, followRoutes } from './routes/follow.ts';
import { logRoutes } from './routes/log.ts';
import { proofRoutes } from './routes/proofs.ts';
import { ServedLogs } from './routes/served-logs.ts';
import { tileRoutes } from './routes/tiles.ts';

export type LedgerDeps = {
  /** The logs by name; `lucid` is among them. */
  readonly hosts: ReadonlyMap<string, LogHost>;
  readonly logger: Logger;
  readonly verifyToken: VerifyToken;
  /** Whom a caller without a token is counted as; by the peer's address alone unless given. */
  readonly classifyClient?: ClassifyClient;
  readonly follow?: FollowLimits;
  /** Entry bundles kept as they are sent, bytes. */
  readonly bundleCacheBytes?: number;
  /** Hold every answer to its schema (tests do). */
  readonly checkResponses?: boolean;
};

const followDefaults: FollowLimits = {
  followersMax: 64,
  clientFollowersMax: 4,
  heartbeatMs: 15_000,
  stallMs: 30_000,
};

/** The ledger's app: its routes over open logs. It never listens. */
export async function buildApp(deps: LedgerDeps): Promise<FastifyInstance> {
  const { logger, verifyToken, checkResponses = false, classifyClient = createClientClassifier('') } = deps;
  const app = await createService({ api: ledgerApi, version: '0.1.0', logger, verifyToken, checkResponses });
  const logs = new ServedLogs(deps.hosts, deps.bundleCacheBytes ?? 4 * 1024 * 1024);
  for (const { name, host } of logs.all) app.readiness.add(checkNameOf(name), () => void host.log);
  installMetrics(app, logs);
  await app.register(appendRoutes, { logs });
  await app.register(entryRoutes, { logs });
  await app.register(followRoutes, { logs, limits: deps.follow ?? followDefaults, classifyClient });
  await app.register(proofRoutes, { logs });
  await app.register(tileRoutes, { logs });
  await app.register(logRoutes, { logs });
  assertComplete(app, ledgerApi);
  return app;
}

/** What `/readyz` calls a log: `log`, and `log <name>` of the others. */
function checkNameOf(name: string): string {
  return name === defaultLogName ? 'log' : `log ${name}`;
}

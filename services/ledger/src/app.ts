import { ledgerApi } from '@lucid/common/apis/ledger';
import { defaultLogName } from '@lucid/common/apis/ledger-schemas';
import type { ClassifyClient } from '@lucid/common/http/client-address';
import { createClientClassifier } from '@lucid/common/http/client-address';
import { installFastLane } from '@lucid/common/http/fast-lane/lane';
import type { VerifyToken } from '@lucid/common/http/identity';
import { assertComplete } from '@lucid/common/http/implement';
import { createService } from '@lucid/common/http/service';
import type { Logger } from '@lucid/common/runtime/logger';
import type { FastifyInstance } from 'fastify';
import type { Log } from './domain/log.ts';
import type { LogHost } from './domain/log-host.ts';
import { appendLaneRoutes } from './lane/append-lane.ts';
import { installMetrics } from './metrics.ts';
import { appendRoutes } from './routes/appends.ts';
import { entryRoutes } from './routes/entries.ts';
import { type FollowLimits, followRoutes } from './routes/follow.ts';
import { logRoutes } from './routes/log.ts';
import { proofRoutes } from './routes/proofs.ts';
import { ServedLogs } from './routes/served-logs.ts';
import { tileRoutes } from './routes/tiles.ts';
import type { Endorser } from './witness/endorser.ts';
import { installWitnessMetrics } from './witness/metrics.ts';
import { witnessRoutes } from './witness/routes.ts';
import type { Witness } from './witness/witness.ts';

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
  /** What gets the logs' checkpoints cosigned, by the log's name, where a policy asks for it. */
  readonly endorsers?: ReadonlyMap<string, Endorser>;
  /** Cosigns other logs; without it the witness's routes say that there is none. */
  readonly witness?: Witness;
  /** Serve single appends beside Fastify (`src/lane`); true unless given. */
  readonly fastLane?: boolean;
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
  for (const { name, host } of logs.all) app.readiness.add(checkNameOf(name), () => publicationOf(host.log));
  installMetrics(app, logs);
  installWitnessMetrics(app, deps.endorsers ?? new Map());
  await app.register(appendRoutes, { logs });
  await app.register(entryRoutes, { logs });
  await app.register(followRoutes, { logs, limits: deps.follow ?? followDefaults, classifyClient });
  await app.register(proofRoutes, { logs });
  await app.register(tileRoutes, { logs });
  await app.register(logRoutes, { logs });
  await app.register(witnessRoutes, { witness: deps.witness });
  assertComplete(app, ledgerApi);
  if (deps.fastLane ?? true) installFastLane(app, appendLaneRoutes(logs.all));
  return app;
}

/** What an operator should know of a log that works: that its newest entries wait for cosignatures. */
function publicationOf({ publishRefusal, published, treeSize }: Log): string | undefined {
  if (publishRefusal === undefined) return undefined;
  const why = publishRefusal instanceof Error ? publishRefusal.message : 'the policy is not met';
  const what =
    treeSize === published.treeSize ? 'The checkpoint waits' : `${treeSize - published.treeSize} entries wait`;
  return `${what} for cosignatures: ${why}`;
}

/** What `/readyz` calls a log: `log`, and `log <name>` of the others. */
function checkNameOf(name: string): string {
  return name === defaultLogName ? 'log' : `log ${name}`;
}

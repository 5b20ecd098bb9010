import { sessionsApi } from '@lucid/common/apis/sessions';
import type { HealthCheck } from '@lucid/common/http/health';
import type { VerifyToken } from '@lucid/common/http/identity';
import { assertComplete } from '@lucid/common/http/implement';
import { createService } from '@lucid/common/http/service';
import type { Logger } from '@lucid/common/runtime/logger';
import type { IdempotencyStore } from '@lucid/common/storage/idempotency';
import type { FastifyInstance } from 'fastify';
import type { BlobStore } from './domain/blob-store.ts';
import { ChunkTrees } from './domain/chunk-tree.ts';
import { KeyedLock } from './domain/keyed-lock.ts';
import type { SessionStore } from './domain/session-store.ts';
import { UploadSlots } from './domain/upload-slots.ts';
import { installMetrics, type MetricsSources } from './metrics.ts';
import { chunkRoutes } from './routes/chunks.ts';
import { sealRoutes } from './routes/seals.ts';
import { sessionRoutes } from './routes/sessions.ts';

export interface SessionsLimits {
  readonly openPerOwnerMax: number;
  readonly uploadsMax: number;
  readonly uploadsPerSessionMax: number;
  readonly chunkGapMax: number;
  readonly uploadIdleMs: number;
  readonly uploadTimeoutMs: number;
}

export interface SessionsDeps {
  readonly store: SessionStore;
  readonly blobs: BlobStore;
  readonly answers: IdempotencyStore;
  readonly outboxes: MetricsSources['outboxes'];
  /** The governed limit of a chunk before compression, as it is now, bytes. */
  readonly plainBytesMax: () => number;
  readonly now: () => number;
  readonly limits: SessionsLimits;
  readonly checks: Readonly<Record<string, HealthCheck>>;
  readonly logger: Logger;
  readonly verifyToken: VerifyToken;
  /** Hold every answer to its schema (tests do). */
  readonly checkResponses?: boolean;
}

/** The sessions service's app: its routes over open stores. It never listens. */
export async function buildApp(deps: SessionsDeps): Promise<FastifyInstance> {
  const { store, blobs, answers, plainBytesMax, now, limits, logger, verifyToken } = deps;
  const app = await createService({
    api: sessionsApi,
    version: '0.1.0',
    logger,
    verifyToken,
    checkResponses: deps.checkResponses ?? false,
    limits: { requestTimeoutMs: limits.uploadTimeoutMs },
  });
  for (const [name, check] of Object.entries(deps.checks)) app.readiness.add(name, check);
  const slots = new UploadSlots({ max: limits.uploadsMax, perSessionMax: limits.uploadsPerSessionMax });
  const trees = new ChunkTrees();
  const chunkBytes = installMetrics(app, { slots, outboxes: deps.outboxes });
  await app.register(sessionRoutes, { store, answers, now, openPerOwnerMax: limits.openPerOwnerMax });
  await app.register(chunkRoutes, {
    store,
    blobs,
    slots,
    lock: new KeyedLock(),
    trees,
    plainBytesMax,
    gapMax: limits.chunkGapMax,
    uploadIdleMs: limits.uploadIdleMs,
    chunkBytes,
  });
  await app.register(sealRoutes, { store, trees, now });
  assertComplete(app, sessionsApi);
  return app;
}

import { join } from 'node:path';
import { isAppError } from '@lucid/common/errors';
import { createIdentity } from '@lucid/common/http/identity-config';
import { livenessOf } from '@lucid/common/http/service-client';
import type { Clock } from '@lucid/common/runtime/clock';
import type { Logger } from '@lucid/common/runtime/logger';
import type { OpenService, ServiceContext } from '@lucid/common/runtime/run';
import { GroupCommit } from '@lucid/common/storage/group-commit';
import { IdempotencyStore } from '@lucid/common/storage/idempotency';
import type { KeyValueStore } from '@lucid/common/storage/kv';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { type Outbox, type OutboxMessage, openOutbox } from '@lucid/common/storage/outbox';
import { buildApp } from './app.ts';
import { AnchorFollower } from './clients/anchor-follower.ts';
import { createAnchors } from './clients/anchors.ts';
import { ChunkLimit } from './clients/chunk-limit.ts';
import { createLedger } from './clients/ledger.ts';
import type { SessionsConfig } from './config.ts';
import type { BlobStore } from './domain/blob-store.ts';
import { blobNameOf } from './domain/chunk.ts';
import type { SessionStore } from './domain/session-store.ts';
import { noteProblem, orderAnchor, problemOf, type SettlementDeps, writeSeal } from './domain/settlement.ts';
import { openFolderBlobStore } from './store/folder-blob-store.ts';
import { createLevelSessionStore, type SettlementOrder } from './store/level-session-store.ts';

/** The widest chunk governance can allow: the upper bound of `maxChunkSize` in LucidParams. */
const chunkBoundBytes = 64 * 1024 * 1024;
const anchorPollMaxMs = 30_000;
const settlementRetryMaxMs = 5000;
const answersKeptMs = 24 * 60 * 60 * 1000;

/** Composes the sessions service: stores, clients, workers, app. What an earlier process left undone goes on. */
export async function openSessions(config: SessionsConfig, context: ServiceContext): Promise<OpenService> {
  const { logger, clock } = context;
  const { verifyToken, issueToken } = createIdentity('sessions', config);
  await using stack = new AsyncDisposableStack();
  const records = stack.use(await openLevelStore(join(config.dataDir, 'store')));
  const blobs = await openFolderBlobStore(join(config.dataDir, 'content'));
  const writer = stack.use(new GroupCommit(records));
  const seals = stack.use(await openSettlementOutbox(records, 'to-ledger/', clock));
  const anchorOrders = stack.use(await openSettlementOutbox(records, 'to-chain/', clock));
  const store = createLevelSessionStore({ store: records, writer, seals, anchors: anchorOrders });
  await sweepBlobs(store, blobs, logger);

  const ledger = createLedger({ baseUrl: config.ledgerUrl, issueToken });
  const anchors = createAnchors({ baseUrl: config.blockchainApiUrl, issueToken });
  const deps: SettlementDeps = { store, ledger, anchors, now: () => clock.now() };
  const limit = new ChunkLimit({
    baseUrl: config.blockchainApiUrl,
    clock,
    logger,
    pollMs: config.paramPollMs,
    initialBytes: config.chunkInitialBytes,
    boundBytes: chunkBoundBytes,
  });
  stack.use(limit).start();
  startSettlement(stack, { deps, seals, anchorOrders, clock, logger, pollMs: config.anchorPollMs });

  const app = await buildApp({
    store,
    blobs,
    answers: new IdempotencyStore({ store: records, prefix: 'answer/', now: () => clock.now(), ttlMs: answersKeptMs }),
    outboxes: { ledger: seals, chain: anchorOrders },
    plainBytesMax: () => limit.bytes,
    now: () => clock.now(),
    limits: config,
    checks: {
      store: () => requireWorking(writer),
      ledger: livenessOf('ledger', config.ledgerUrl),
      'blockchain-api': livenessOf('blockchain-api', config.blockchainApiUrl),
    },
    logger,
    verifyToken,
  });
  stack.defer(() => app.close());
  const resources = stack.move();
  return { app, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

/** Refusals that trying again never heals: the order is parked, and the session says why. */
const permanentCodes = ['ANCHOR_CONFLICT', 'ANCHOR_INVALID', 'IDEMPOTENCY_KEY_REUSED', 'LEDGER_ENTRY_TOO_LARGE'];

function openSettlementOutbox(store: KeyValueStore, prefix: string, clock: Clock): Promise<Outbox<SettlementOrder>> {
  const isPermanent = (error: unknown) => isAppError(error) && permanentCodes.includes(error.code);
  return openOutbox<SettlementOrder>({ store, prefix, clock, retryMaxMs: settlementRetryMaxMs, isPermanent });
}

interface Settlement {
  readonly deps: SettlementDeps;
  readonly seals: Outbox<SettlementOrder>;
  readonly anchorOrders: Outbox<SettlementOrder>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pollMs: number;
}

/** Starts what carries a seal to the ledger, then to the chain, then to its proof. */
function startSettlement(stack: AsyncDisposableStack, settlement: Settlement): void {
  const { deps, seals, anchorOrders, clock, logger, pollMs } = settlement;
  const follower = stack.use(
    new AnchorFollower({ deps, clock, logger, pollMinMs: pollMs, pollMaxMs: anchorPollMaxMs }),
  );
  const deliver = (what: string, work: (sessionId: string) => Promise<void>) => {
    return async ({ payload: { sessionId } }: OutboxMessage<SettlementOrder>, signal: AbortSignal) => {
      try {
        await Promise.race([work(sessionId), rejectOnAbort(signal)]);
      } catch (error) {
        if (signal.aborted) throw error;
        const problem = problemOf(error);
        logger.warn({ sessionId, ...problem }, `${what} cannot be delivered now; it is kept`);
        await noteProblem(deps.store, sessionId, problem);
        throw error;
      }
    };
  };
  seals.start(deliver('a seal', (sessionId) => writeSeal(deps, sessionId)));
  anchorOrders.start(
    deliver('an anchor', async (sessionId) => {
      await orderAnchor(deps, sessionId);
      follower.wake();
    }),
  );
  follower.start();
}

/** A delivery under way does not hold up closing: it is made again at the next start, under the same key. */
function rejectOnAbort(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  return promise;
}

/** Removes content a crash left without a record: nobody was told that it is durable. */
async function sweepBlobs(store: SessionStore, blobs: BlobStore, logger: Logger): Promise<void> {
  for await (const sessionId of store.readRecording()) {
    const removed = await blobs.sweep(sessionId, async (file) => {
      const chunk = await store.findChunk(sessionId, Number.parseInt(file, 10));
      return chunk !== undefined && blobNameOf(chunk).file === file;
    });
    if (removed > 0) logger.info({ sessionId, removed }, 'content that was never acknowledged is removed');
  }
}

function requireWorking(writer: GroupCommit): void {
  if (writer.failure) throw writer.failure;
}

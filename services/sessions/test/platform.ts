import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sessionsApi } from '@lucid/common/apis/sessions';
import { type Client, createClient } from '@lucid/common/http/client';
import { systemClock } from '@lucid/common/runtime/clock';
import { createLogger } from '@lucid/common/runtime/logger';
import { GroupCommit } from '@lucid/common/storage/group-commit';
import { IdempotencyStore } from '@lucid/common/storage/idempotency';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { openOutbox } from '@lucid/common/storage/outbox';
import type { FastifyInstance } from 'fastify';
import { createTestIdentity, type UserTokenOptions } from '../../../test/support/identity.ts';
import { type SessionView, type TestChunk, TestRecorder } from '../../../test/support/test-recorder.ts';
import { buildApp, type SessionsLimits } from '../src/app.ts';
import { openFolderBlobStore } from '../src/store/folder-blob-store.ts';
import { createLevelSessionStore, type SettlementOrder } from '../src/store/level-session-store.ts';

export type SessionsClient = Client<typeof sessionsApi.operations>;

export const smallLimits: SessionsLimits = {
  openPerOwnerMax: 50,
  uploadsMax: 8,
  uploadsPerSessionMax: 6,
  chunkGapMax: 10,
  uploadIdleMs: 200,
  uploadTimeoutMs: 10_000,
};

/** The sessions service on a folder of its own, listening, with the settlement workers at rest. */
export interface TestSessions extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly baseUrl: string;
  readonly folder: string;
  plainBytesMax: number;
  client(options?: UserTokenOptions): SessionsClient;
  token(options?: UserTokenOptions): Promise<string>;
}

export const identity = createTestIdentity();

export async function openTestSessions(
  options: { folder?: string; limits?: Partial<SessionsLimits> } = {},
): Promise<TestSessions> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'lucid-sessions-')));
  const clock = systemClock();
  const records = await openLevelStore(join(folder, 'store'));
  const writer = new GroupCommit(records);
  const seals = await openOutbox<SettlementOrder>({ store: records, prefix: 'to-ledger/', clock });
  const anchors = await openOutbox<SettlementOrder>({ store: records, prefix: 'to-chain/', clock });
  const settings = { plainBytesMax: 16 * 1024 * 1024 };
  const app = await buildApp({
    store: createLevelSessionStore({ store: records, writer, seals, anchors }),
    blobs: await openFolderBlobStore(join(folder, 'content')),
    answers: new IdempotencyStore({ store: records, prefix: 'answer/', now: clock.now, ttlMs: 60_000 }),
    outboxes: { ledger: seals, chain: anchors },
    plainBytesMax: () => settings.plainBytesMax,
    now: clock.now,
    limits: { ...smallLimits, ...options.limits },
    checks: {},
    logger: createLogger({ name: 'sessions', level: 'silent' }),
    verifyToken: identity.verifier('sessions'),
    checkResponses: true,
  });
  const baseUrl = await app.listen({ port: 0, host: '127.0.0.1' });
  const token = (user: UserTokenOptions = {}) => identity.userToken(user);
  return Object.assign(settings, {
    app,
    baseUrl,
    folder,
    token,
    client: (user: UserTokenOptions = {}) => createClient(sessionsApi, { baseUrl, token: () => token(user) }),
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await anchors[Symbol.asyncDispose]();
      await seals[Symbol.asyncDispose]();
      await writer[Symbol.asyncDispose]();
      await records.close();
      if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
    },
  });
}

/** A session of `user-1` that records, with its recorder. */
export async function startRecording(
  client: SessionsClient,
): Promise<{ session: SessionView; recorder: TestRecorder }> {
  const recorder = await TestRecorder.create();
  const { sessionId } = await client.createSession({ body: recorder.newSession() });
  const session = await client.joinSession({
    params: { sessionId },
    body: await recorder.join(sessionId, 'user-1'),
  });
  return { session, recorder };
}

export async function put(client: SessionsClient, sessionId: string, chunk: TestChunk) {
  return await client.putChunk({
    params: { sessionId, chunkIndex: chunk.chunkIndex },
    headers: chunk.headers,
    rawBody: chunk.content,
  });
}

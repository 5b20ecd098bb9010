import { sessionsApi } from '@lucid/common/apis/sessions';
import { createSessionId } from '@lucid/common/formats/ids';
import { implement } from '@lucid/common/http/implement';
import { cursorCodec } from '@lucid/common/storage/cursor';
import type { IdempotencyStore } from '@lucid/common/storage/idempotency';
import type { FastifyInstance } from 'fastify';
import { getReadable, seesAll } from '../domain/access.ts';
import { verifyJoin } from '../domain/join.ts';
import { joinSession, openSession, viewOf } from '../domain/session.ts';
import type { SessionStore } from '../domain/session-store.ts';
import { onceByKey } from './idempotency.ts';

export interface SessionRoutesDeps {
  readonly store: SessionStore;
  readonly answers: IdempotencyStore;
  readonly now: () => number;
  readonly openPerOwnerMax: number;
}

const cursors = cursorCodec('sessions@1', ['integer', 'string']);
const pageSize = 50;

/** Opening, joining and reading sessions. */
export async function sessionRoutes(app: FastifyInstance, deps: SessionRoutesDeps): Promise<void> {
  const { store, answers, now, openPerOwnerMax } = deps;
  await implement(app, sessionsApi, {
    createSession: async ({ body, identity, request, reply }) =>
      await onceByKey(answers, { request, reply, identity }, 201, async (companion) => {
        const session = openSession(createSessionId(), identity.subject, body, now());
        await store.addSession(session, openPerOwnerMax, companion);
        return viewOf(session);
      }),
    joinSession: async ({ params: { sessionId }, body, identity, request, reply }) =>
      await onceByKey(answers, { request, reply, identity }, 200, async (companion) => {
        await verifyJoin(await store.findSession(sessionId), identity.subject, body);
        const member = { publicKey: body.publicKey, subject: identity.subject, joinedAt: now() };
        return viewOf(await store.changeSession(sessionId, (session) => joinSession(session, member), companion));
      }),
    getSession: async ({ params: { sessionId }, identity, reply }) => {
      reply.header('cache-control', 'no-store');
      return viewOf(await getReadable(store, identity, sessionId));
    },
    listSessions: async ({ query, identity }) => {
      const { limit = pageSize, cursor } = query;
      const [createdAt, sessionId] = cursor === undefined ? [] : cursors.decode(cursor);
      const after = createdAt === undefined || sessionId === undefined ? undefined : { createdAt, sessionId };
      const subject = seesAll(identity) ? undefined : identity.subject;
      const found = await store.listSessions(subject, { limit: limit + 1, ...(after ? { after } : {}) });
      const items = found.slice(0, limit).map(viewOf);
      const last = found[limit - 1];
      if (found.length <= limit || !last) return { items };
      return { items, next: cursors.encode([last.createdAt, last.sessionId]) };
    },
  });
}

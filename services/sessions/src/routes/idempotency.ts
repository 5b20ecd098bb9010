import { createHash } from 'node:crypto';
import type { Identity } from '@lucid/common/http/identity';
import type { IdempotencyStore } from '@lucid/common/storage/idempotency';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type SessionView, viewOf } from '../domain/session.ts';
import type { Companion } from '../domain/session-store.ts';

/**
 * Carries out `work` once for each Idempotency-Key of a caller; the answer is stored in the batch of the work itself.
 * Without a key it is simply carried out.
 * @throws IDEMPOTENCY_KEY_INVALID, IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_FLIGHT, and what `work` throws
 */
export async function onceByKey(
  answers: IdempotencyStore,
  { request, reply, identity }: { request: FastifyRequest; reply: FastifyReply; identity: Identity },
  status: number,
  work: (companion: Companion | undefined) => Promise<SessionView>,
): Promise<SessionView> {
  reply.code(status);
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string') return await work(undefined);
  const claim = await answers.claim({
    scope: `${request.routeOptions.config.operationId ?? ''} ${identity.subject}`,
    key,
    fingerprint: fingerprintOf(request),
  });
  if (claim.kind === 'replay') return JSON.parse(claim.response.body) as SessionView;
  try {
    return await work((batch, session) => {
      claim.complete(batch, { status, headers: {}, body: JSON.stringify(viewOf(session)) });
    });
  } catch (error) {
    claim.release();
    throw error;
  }
}

function fingerprintOf(request: FastifyRequest): string {
  const parts = JSON.stringify([request.params, request.body]);
  return createHash('sha256').update(parts).digest('base64');
}

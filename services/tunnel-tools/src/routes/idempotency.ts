import { createHash } from 'node:crypto';
import type { TunnelView } from '@lucid/common/apis/tunnels-schemas';
import type { Identity } from '@lucid/common/http/identity';
import type { IdempotencyStore } from '@lucid/common/storage/idempotency';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Tunnel } from '../domain/tunnel.ts';
import type { Companion } from '../domain/tunnels.ts';

/**
 * Carries out `work` once for each Idempotency-Key of a caller; the answer is stored in the batch of the work itself.
 * Without a key it is simply carried out.
 * @throws IDEMPOTENCY_KEY_INVALID, IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_FLIGHT, and what `work` throws
 */
export async function onceByKey(
  answers: IdempotencyStore,
  { request, reply, identity }: { request: FastifyRequest; reply: FastifyReply; identity: Identity },
  toView: (tunnel: Tunnel) => TunnelView,
  work: (companion: Companion | undefined) => Promise<Tunnel>,
): Promise<TunnelView> {
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string') return toView(await work(undefined));
  const claim = await answers.claim({
    scope: `${request.routeOptions.config.operationId ?? ''} ${identity.subject}`,
    key,
    fingerprint: fingerprintOf(request),
  });
  if (claim.kind === 'replay') return JSON.parse(claim.response.body) as TunnelView;
  try {
    const tunnel = await work((batch, made) => {
      claim.complete(batch, { status: reply.statusCode, headers: {}, body: JSON.stringify(toView(made)) });
    });
    return toView(tunnel);
  } catch (error) {
    claim.release();
    throw error;
  }
}

/** A digest: the body may hold a key that is brought along. */
function fingerprintOf(request: FastifyRequest): string {
  const parts = JSON.stringify([request.params, request.body]);
  return createHash('sha256').update(parts).digest('base64');
}

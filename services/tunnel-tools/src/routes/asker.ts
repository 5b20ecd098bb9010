import type { Identity } from '@lucid/common/http/identity';
import type { FastifyRequest } from 'fastify';
import type { Asker } from '../domain/tunnel.ts';

/** Who asks, for the record. */
export function askerOf({ subject }: Identity, { id }: FastifyRequest): Asker {
  return { subject, requestId: id };
}

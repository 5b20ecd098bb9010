import { type AddressClass, type RateLimiter, rateLimitHeaders } from '@lucid/common/http/rate-limit';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { docsError } from '../errors.ts';

export interface GuardOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly limiter: RateLimiter;
  readonly classOf: (address: string | undefined) => AddressClass;
  readonly requestsPerMinute: number;
  readonly sharedAddressFactor: number;
}

const probes = new Set(['/livez', '/readyz', '/metrics']);

/** Every answer has the security headers; only reading is allowed; each address has its quota. */
export function createGuard(options: GuardOptions) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    reply.headers(options.headers);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      reply.header('allow', 'GET, HEAD');
      throw docsError('OPENAPI_METHOD_NOT_ALLOWED', 'This service is only read: GET and HEAD.');
    }
    if (probes.has(request.url)) return;
    const { kind, key } = options.classOf(request.socket.remoteAddress);
    const isShared = kind === 'shared';
    const decision = await options.limiter.take(key, {
      name: isShared ? 'shared-address' : 'address',
      limit: options.requestsPerMinute * (isShared ? options.sharedAddressFactor : 1),
      windowSec: 60,
    });
    reply.headers(rateLimitHeaders(decision));
    if (decision.isAllowed) return;
    throw docsError('RATE_LIMITED', `More than ${decision.policy.limit} requests in a minute.`, {
      retryAfterSec: decision.retryAfterSec,
    });
  };
}

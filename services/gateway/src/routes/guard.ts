import type { AddressClass, RateLimitDecision, RateLimiter, RateLimitPolicy } from '@lucid/common/http/rate-limit';
import { rateLimitHeaders } from '@lucid/common/http/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { corsHeaders, preflightHeaders } from '../domain/cors.ts';
import { checkHeaders, pairsOf } from '../domain/headers.ts';
import { parseTarget } from '../domain/request-target.ts';
import { allowedMethods, blockedRoute, type RouteTable } from '../domain/route-table.ts';
import type { Slots } from '../domain/slots.ts';
import { gatewayError } from '../errors.ts';

export interface GuardOptions {
  readonly table: RouteTable;
  /** The gateway's own routes, for `Allow`. */
  readonly ownRoutes: readonly { readonly method: 'GET'; readonly path: string }[];
  readonly limiter: RateLimiter;
  readonly classOf: (address: string | undefined) => AddressClass;
  readonly requestsPerMinute: () => number;
  readonly sharedAddressFactor: number;
  readonly slots: Slots;
  readonly clientRequestsInFlightMax: number;
  readonly corsOrigins: ReadonlySet<string>;
}

const windowSec = 60;
const probes = new Set(['/livez', '/readyz', '/metrics', '/openapi.json']);

/**
 * Before anything else is looked at: a request must have one meaning, its address must have quota left, and its
 * method must exist. An anonymous request spends the address's quota; one with a token only must not have spent it
 * on refused tokens.
 */
export function createGuard(options: GuardOptions) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    checkHeaders(pairsOf(request.raw.rawHeaders));
    const { path } = parseTarget(request.raw.url ?? '');
    if (probes.has(path)) return;
    const origin = request.headers.origin;
    const isAllowedOrigin = origin !== undefined && options.corsOrigins.has(origin);
    // What is answered depends on the origin as soon as one is allowed: no cache may mix them up.
    if (options.corsOrigins.size > 0) reply.header('vary', 'Origin');
    if (isAllowedOrigin) reply.headers(corsHeaders(origin));
    const { key, policy } = addressQuota(request, options);
    const isAnonymous = request.headers.authorization === undefined;
    enforce(reply, isAnonymous ? await options.limiter.take(key, policy) : await options.limiter.peek(key, policy));
    // Before any token is looked at: to everybody alike there is nothing here.
    if (request.routeOptions.config.operationId === blockedRoute) {
      throw gatewayError('ROUTE_NOT_FOUND', `There is no ${request.method} ${path} here.`);
    }
    if (!request.is404) return;
    const allow = allowedMethods([...options.table.forwarded, ...options.ownRoutes], path);
    if (allow.length === 0) return; // answered ROUTE_NOT_FOUND
    if (isAllowedOrigin && request.headers['access-control-request-method'] !== undefined) {
      const requested = request.headers['access-control-request-headers'];
      await reply.code(204).headers(preflightHeaders(allow, requested)).send();
      return;
    }
    reply.header('allow', allow.join(', '));
    throw gatewayError('GATEWAY_METHOD_NOT_ALLOWED', `${path} takes ${allow.join(', ')}.`);
  };
}

/**
 * Once it is known who asks: the subject's quota and its share of the requests in work. Added after the access hook
 * and before the body is read.
 */
export function installSubjectLimits(app: FastifyInstance, options: GuardOptions): void {
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.operation === undefined) return;
    const address = addressQuota(request, options);
    const { identity } = request;
    const key = identity ? `subject ${identity.subject}` : address.key;
    if (identity) {
      const policy = { name: 'subject', limit: options.requestsPerMinute(), windowSec };
      enforce(reply, await options.limiter.take(key, policy));
    }
    const factor = identity ? 1 : address.factor;
    const release = options.slots.acquire(key, options.clientRequestsInFlightMax * factor);
    if (!release) throw gatewayError('OVERLOADED', 'You have too many requests in work.', { retryAfterSec: 1 });
    reply.raw.once('close', release);
  });
  // A refused token spends the quota of the address it came from, so that guessing is bounded.
  app.addHook('onResponse', async (request, reply) => {
    if (reply.statusCode !== 401 || request.headers.authorization === undefined) return;
    const { key, policy } = addressQuota(request, options);
    await options.limiter.take(key, policy);
  });
}

interface AddressQuota {
  readonly key: string;
  readonly factor: number;
  readonly policy: RateLimitPolicy;
}

function addressQuota(request: FastifyRequest, options: GuardOptions): AddressQuota {
  const { kind, key } = options.classOf(request.socket.remoteAddress);
  const factor = kind === 'shared' ? options.sharedAddressFactor : 1;
  const name = kind === 'shared' ? 'shared-address' : 'address';
  return {
    key: `address ${key}`,
    factor,
    policy: { name, limit: options.requestsPerMinute() * factor, windowSec },
  };
}

/** @throws RATE_LIMITED */
function enforce(reply: FastifyReply, decision: RateLimitDecision): void {
  reply.headers(rateLimitHeaders(decision));
  if (decision.isAllowed) return;
  const { limit, windowSec: seconds } = decision.policy;
  throw gatewayError('RATE_LIMITED', `More than ${limit} requests in ${seconds} s.`, {
    retryAfterSec: decision.retryAfterSec,
  });
}

import { commonError } from '@lucid/common/apis/error-factory';
import { createAddressClassifier, MemoryRateLimiter, type RateLimitPolicy } from '@lucid/common/http/rate-limit';
import type { FastifyRequest } from 'fastify';

export interface ThrottleOptions {
  readonly signInsPerMinute: number;
  /** Addresses and ranges whose `X-Forwarded-For` is believed. */
  readonly proxies: readonly string[];
}

/** Bounds what strangers can make this service do; answers the address class the request comes from. @throws RATE_LIMITED */
export type Throttle = (request: FastifyRequest) => string;

/**
 * One quota for each address class and one for all together: checking a signature or a password costs milliseconds of
 * a core, and whoever lies about their address still meets the second. What the first refuses takes nothing from the
 * second, so that one address cannot use up everybody's.
 */
export function createThrottle({ signInsPerMinute, proxies }: ThrottleOptions): Throttle {
  const addresses = new MemoryRateLimiter({ keysMax: 10_000 });
  const everybody = new MemoryRateLimiter();
  const isProxy = createAddressClassifier(proxies);
  const classify = createAddressClassifier([]);
  const each: RateLimitPolicy = { name: 'sign-in', limit: signInsPerMinute, windowSec: 60 };
  const all: RateLimitPolicy = { name: 'sign-in-all', limit: signInsPerMinute * 10, windowSec: 60 };
  return (request) => {
    const peer = request.socket.remoteAddress;
    const address = isProxy(peer).kind === 'shared' ? (forwardedFor(request) ?? peer) : peer;
    const { key } = classify(address);
    const own = addresses.take(key, each);
    const { isAllowed, retryAfterSec } = own.isAllowed ? everybody.take('all', all) : own;
    if (isAllowed) return key;
    throw commonError('RATE_LIMITED', `Too many sign-ins; try again in ${retryAfterSec} s.`, { retryAfterSec });
  };
}

/** The entry the nearest proxy added: those before it are the client's own words. */
function forwardedFor({ headers }: FastifyRequest): string | undefined {
  const header = headers['x-forwarded-for'];
  const text = Array.isArray(header) ? header.at(-1) : header;
  return text?.split(',').at(-1)?.trim() || undefined;
}

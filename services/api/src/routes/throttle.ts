import { commonError } from '@lucid/common/apis/error-factory';
import { createClientClassifier } from '@lucid/common/http/client-address';
import { MemoryRateLimiter, type RateLimitPolicy } from '@lucid/common/http/rate-limit';
import type { FastifyRequest } from 'fastify';

export interface ThrottleOptions {
  readonly signInsPerMinute: number;
  /** Addresses and ranges whose `X-Forwarded-For` is believed, separated by commas. */
  readonly proxies: string;
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
  const classify = createClientClassifier(proxies);
  const each: RateLimitPolicy = { name: 'sign-in', limit: signInsPerMinute, windowSec: 60 };
  const all: RateLimitPolicy = { name: 'sign-in-all', limit: signInsPerMinute * 10, windowSec: 60 };
  return (request) => {
    const key = classify(request);
    const own = addresses.take(key, each);
    const { isAllowed, retryAfterSec } = own.isAllowed ? everybody.take('all', all) : own;
    if (isAllowed) return key;
    throw commonError('RATE_LIMITED', `Too many sign-ins; try again in ${retryAfterSec} s.`, { retryAfterSec });
  };
}

import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** `limit` requests per `windowSec`, refilled evenly; all of it may come in one burst. */
export interface RateLimitPolicy {
  /** The policy's name in the headers. */
  readonly name: string;
  readonly limit: number;
  readonly windowSec: number;
}

export interface RateLimitDecision {
  readonly policy: RateLimitPolicy;
  readonly isAllowed: boolean;
  /** Requests that may follow at once. */
  readonly remaining: number;
  /** Seconds until the whole quota is back. */
  readonly resetSec: number;
  /** Seconds until one more request is allowed; 0 when it was. */
  readonly retryAfterSec: number;
}

/**
 * Counts requests by key. `take` spends one; `peek` only tells whether one would be allowed. Both are atomic; a store
 * shared by several processes answers the same as the one in memory.
 */
export interface RateLimiter {
  take(key: string, policy: RateLimitPolicy): RateLimitDecision | Promise<RateLimitDecision>;
  peek(key: string, policy: RateLimitPolicy): RateLimitDecision | Promise<RateLimitDecision>;
}

/**
 * The generic cell rate algorithm (ITU-T I.371): one number per key, the theoretical arrival time. Pure.
 * @returns the decision, and the arrival time to keep when one request is spent
 */
export function decide(
  arrivalMs: number | undefined,
  nowMs: number,
  policy: RateLimitPolicy,
): { readonly decision: RateLimitDecision; readonly arrivalMs: number } {
  const windowMs = policy.windowSec * 1000;
  const intervalMs = windowMs / policy.limit;
  // A quota that was lowered meanwhile never keeps a key out for longer than one window.
  const from = Math.min(Math.max(arrivalMs ?? nowMs, nowMs), nowMs + windowMs);
  const next = from + intervalMs;
  const isAllowed = next - nowMs <= windowMs + 1e-6;
  const heldMs = (isAllowed ? next : from) - nowMs;
  return {
    arrivalMs: isAllowed ? next : from,
    decision: {
      policy,
      isAllowed,
      remaining: Math.max(0, Math.floor((windowMs - heldMs) / intervalMs + 1e-6)),
      resetSec: Math.ceil(heldMs / 1000),
      retryAfterSec: isAllowed ? 0 : Math.max(1, Math.ceil((next - nowMs - windowMs) / 1000)),
    },
  };
}

export interface MemoryRateLimiterOptions {
  /** Keys remembered; over it, those with the oldest first request are forgotten. */
  readonly keysMax?: number;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

/** A rate limiter of one process, bounded in memory. */
export class MemoryRateLimiter implements RateLimiter {
  readonly #arrivals = new Map<string, number>();
  readonly #keysMax: number;
  readonly #now: () => number;

  constructor(options: MemoryRateLimiterOptions = {}) {
    this.#keysMax = options.keysMax ?? 50_000;
    this.#now = options.now ?? (() => performance.now());
  }

  get keyCount(): number {
    return this.#arrivals.size;
  }

  take(key: string, policy: RateLimitPolicy): RateLimitDecision {
    const known = this.#arrivals.get(key);
    const { decision, arrivalMs } = decide(known, this.#now(), policy);
    if (known === undefined && this.#arrivals.size >= this.#keysMax) this.#makeRoom();
    this.#arrivals.set(key, arrivalMs);
    return decision;
  }

  peek(key: string, policy: RateLimitPolicy): RateLimitDecision {
    return decide(this.#arrivals.get(key), this.#now(), policy).decision;
  }

  /** Forgets keys whose quota is whole again, which changes nothing; then, if need be, a tenth of the oldest. */
  #makeRoom(): void {
    const now = this.#now();
    for (const [key, arrivalMs] of this.#arrivals) if (arrivalMs <= now) this.#arrivals.delete(key);
    const excess = this.#arrivals.size - Math.floor(this.#keysMax * 0.9);
    if (excess <= 0 && this.#arrivals.size < this.#keysMax) return;
    for (const key of [...this.#arrivals.keys()].slice(0, Math.max(1, excess))) this.#arrivals.delete(key);
  }
}

/** `RateLimit-Policy` and `RateLimit` structured fields (draft-ietf-httpapi-ratelimit-headers-11), lower-case names. */
export function rateLimitHeaders({ policy, remaining, resetSec }: RateLimitDecision): Record<string, string> {
  return {
    'ratelimit-policy': `"${policy.name}";q=${policy.limit};w=${policy.windowSec}`,
    ratelimit: `"${policy.name}";r=${remaining};t=${resetSec}`,
  };
}

/** `direct`: about one client. `shared`: many clients behind one address, as behind an onion service. */
export interface AddressClass {
  readonly kind: 'direct' | 'shared';
  /** What is counted: an IPv4 address, or the /64 an IPv6 client picks its addresses from. */
  readonly key: string;
}

/**
 * Makes the function that sorts client addresses.
 * @param shared addresses and CIDR ranges of proxies whose clients all come from them
 * @throws RangeError when an entry is neither
 */
export function createAddressClassifier(shared: readonly string[]): (address: string | undefined) => AddressClass {
  const list = new BlockList();
  for (const entry of shared) addToList(list, entry);
  return (address = '') => {
    const plain = address.startsWith('::ffff:') && isIPv4(address.slice(7)) ? address.slice(7) : address;
    const family = isIPv6(plain) ? 'ipv6' : 'ipv4';
    if ((isIPv4(plain) || isIPv6(plain)) && list.check(plain, family)) return { kind: 'shared', key: plain };
    return { kind: 'direct', key: family === 'ipv6' ? networkOf(plain) : plain };
  };
}

function addToList(list: BlockList, entry: string): void {
  const [address = '', bits] = entry.split('/');
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  if (!isIPv4(address) && !isIPv6(address)) throw new RangeError(`"${entry}" is neither an address nor a range`);
  if (bits === undefined) list.addAddress(address, family);
  else list.addSubnet(address, Number(bits), family);
}

/** The first 64 bits of an IPv6 address, as four groups. */
function networkOf(address: string): string {
  const [head = '', tail = ''] = (address.split('%')[0] ?? '').split('::');
  const left = head.split(':').filter(Boolean);
  const right = tail.split(':').filter(Boolean);
  const groups = [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, '').toLowerCase())
    .join(':')}::/64`;
}

import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { commonError } from '../apis/error-factory.ts';

/** Longer than this, and the keys are asked for anew. */
const freshMs = 5 * 60_000;
/** While api is away its keys are used for as long as a token they signed can live. */
const usableMs = 15 * 60_000;
/** A key nobody knows makes the keys be asked for anew, but no more often than this. */
const cooldownMs = 5000;
/** After a failure nobody waits for another one. */
const failureMs = 1000;
const timeoutMs = 2000;

export interface KeySetOptions {
  readonly fetch?: typeof fetch;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

interface Held {
  readonly find: ReturnType<typeof createLocalJWKSet>;
  readonly at: number;
}

/**
 * The keys that verify people's tokens, from api's JWKS (RFC 7517), kept and renewed. Every token is answered at once
 * where keys are held; else after one try of two seconds at most, shared by all who wait.
 * @throws DEPENDENCY_UNAVAILABLE where they cannot be had; jose's errors for a token that names none of them
 */
export function createKeySet(url: URL, options: KeySetOptions = {}): JWTVerifyGetKey {
  const now = options.now ?? (() => performance.now());
  let held: Held | undefined;
  let failedAt = Number.NEGATIVE_INFINITY;
  let failure: unknown;
  let loading: Promise<Held> | undefined;

  const load = (): Promise<Held> => {
    if (now() - failedAt < failureMs) return Promise.reject(keysUnavailable(failure));
    loading ??= fetchKeys(url, options.fetch ?? fetch)
      .then(
        (find) => (held = { find, at: now() }),
        (error: unknown) => {
          failedAt = now();
          failure = error;
          throw keysUnavailable(error);
        },
      )
      .finally(() => {
        loading = undefined;
      });
    return loading;
  };

  return async (header, token) => {
    if (held && now() - held.at > freshMs) load().catch(() => undefined);
    const current = held && now() - held.at < usableMs ? held : await load();
    try {
      return await current.find(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || now() - current.at < cooldownMs) throw error;
      return await (await load()).find(header, token);
    }
  };
}

async function fetchKeys(url: URL, get: typeof fetch): Promise<Held['find']> {
  const response = await get(url, {
    signal: AbortSignal.timeout(timeoutMs),
    redirect: 'error',
    headers: { accept: 'application/json' },
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`${url.href} answered ${response.status}`);
  }
  return createLocalJWKSet((await response.json()) as JSONWebKeySet);
}

function keysUnavailable(cause: unknown): Error {
  return commonError('DEPENDENCY_UNAVAILABLE', 'The keys that verify tokens cannot be fetched now; try again.', {
    cause,
    retryAfterSec: 2,
    data: { dependency: 'api' },
  });
}

import { apiError } from '../errors.ts';
import type { Attempts } from './types.ts';

/** Wrong passwords in a row that cost nothing but themselves. */
export const freeAttempts = 10;
const backOffMaxMs = 15 * 60_000;
/** After a day without an attempt, all is forgotten. */
export const attemptsLifeMs = 24 * 3_600_000;

/** How long a name is closed after so many attempts: 1 s, 2 s, 4 s … 15 min. It is never closed for good. */
export function backOffMs(count: number): number {
  return count <= freeAttempts ? 0 : Math.min(backOffMaxMs, 1000 * 2 ** Math.min(count - freeAttempts - 1, 20));
}

/**
 * Counts an attempt before its password is checked, so that many at once count as many; a success clears the count.
 * Names nobody has are counted as well: being locked out does not tell who exists.
 * @throws AUTH_LOCKED_OUT with the time to wait
 */
export function countAttempt(attempts: Attempts | undefined, now: number): Attempts {
  const isFresh = attempts === undefined || now - attempts.lastAt > attemptsLifeMs;
  if (!isFresh && now < attempts.blockedUntil) {
    const retryAfterSec = Math.ceil((attempts.blockedUntil - now) / 1000);
    throw apiError('AUTH_LOCKED_OUT', `Too many wrong passwords; try again in ${retryAfterSec} s.`, { retryAfterSec });
  }
  const count = isFresh ? 1 : attempts.count + 1;
  return { count, lastAt: now, blockedUntil: now + backOffMs(count) };
}

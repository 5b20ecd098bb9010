import { apiError } from '../errors.ts';
import type { Attempts } from './types.ts';

/** Wrong passwords in a row that cost nothing but themselves: for one name from one address class … */
export const freeAttempts = 10;
/** … and for one name from all addresses it was not signed in from before. */
export const freeAttemptsOfStrangers = 100;
const backOffMaxMs = 15 * 60_000;
/** After a day without an attempt, all is forgotten. */
export const attemptsLifeMs = 24 * 3_600_000;
/** How long an address class stays one the name was signed in from. */
const familiarMs = 90 * 24 * 3_600_000;

/** How long a name is closed after so many attempts: 1 s, 2 s, 4 s … 15 min. It is never closed for good. */
export function backOffMs(count: number, free: number = freeAttempts): number {
  return count <= free ? 0 : Math.min(backOffMaxMs, 1000 * 2 ** Math.min(count - free - 1, 20));
}

/**
 * Counts an attempt before its password is checked, so that many at once count as many; a success clears the count.
 * Names nobody has are counted as well: being locked out does not tell who exists.
 * @throws AUTH_LOCKED_OUT with the time to wait
 */
export function countAttempt(attempts: Attempts | undefined, now: number, free: number = freeAttempts): Attempts {
  const isFresh = attempts === undefined || now - attempts.lastAt > attemptsLifeMs;
  if (!isFresh && now < attempts.blockedUntil) {
    const retryAfterSec = Math.ceil((attempts.blockedUntil - now) / 1000);
    throw apiError('AUTH_LOCKED_OUT', `Too many wrong passwords; try again in ${retryAfterSec} s.`, { retryAfterSec });
  }
  const count = isFresh ? 1 : attempts.count + 1;
  return { ...attempts, count, lastAt: now, blockedUntil: now + backOffMs(count, free) };
}

/** What is kept of an address class the name was signed in from: no failures, and that it is not a stranger's. */
export function familiar(now: number): Attempts {
  return { count: 0, lastAt: now, blockedUntil: 0, familiarUntil: now + familiarMs };
}

export function isFamiliar(attempts: Attempts | undefined, now: number): boolean {
  return (attempts?.familiarUntil ?? 0) > now;
}

/** Whether nothing of it can matter any more. */
export function areAttemptsOver(attempts: Attempts, now: number): boolean {
  return attempts.lastAt + attemptsLifeMs <= now && !isFamiliar(attempts, now);
}

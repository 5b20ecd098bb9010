import { isNotModified } from '@lucid/common/http/conditional';
import {
  createAddressClassifier,
  decide,
  MemoryRateLimiter,
  type RateLimitPolicy,
  rateLimitHeaders,
} from '@lucid/common/http/rate-limit';
import { array, assert as holds, integer, property } from 'fast-check';
import { describe, expect, test } from 'vitest';

const policy: RateLimitPolicy = { name: 'subject', limit: 60, windowSec: 60 };

describe('the rate limiter', () => {
  test('gives the whole quota as a burst, then one request a second', () => {
    let now = 0;
    const limiter = new MemoryRateLimiter({ now: () => now });
    const allowed = Array.from({ length: 61 }, () => limiter.take('a', policy).isAllowed);
    expect(allowed.filter(Boolean)).toHaveLength(60);
    expect(limiter.take('a', policy)).toMatchObject({ isAllowed: false, remaining: 0, retryAfterSec: 1 });
    expect(limiter.take('b', policy)).toMatchObject({ isAllowed: true, remaining: 59 });
    now = 1000;
    expect(limiter.take('a', policy).isAllowed).toBe(true);
    expect(limiter.take('a', policy).isAllowed).toBe(false);
    now = 120_000;
    expect(limiter.take('a', policy).remaining).toBe(59);
  });

  test('peeking spends nothing, and a refusal costs nothing', () => {
    const limiter = new MemoryRateLimiter({ now: () => 0 });
    for (let i = 0; i < 200; i += 1) limiter.peek('a', policy);
    expect(limiter.take('a', policy).remaining).toBe(59);
    for (let i = 0; i < 200; i += 1) limiter.take('a', policy);
    expect(limiter.peek('a', policy)).toMatchObject({ isAllowed: false, retryAfterSec: 1, resetSec: 60 });
  });

  test('a lowered quota never keeps a key out for longer than its window', () => {
    const { decision } = decide(10 * 60_000, 0, { ...policy, limit: 1 });
    expect(decision.retryAfterSec).toBeLessThanOrEqual(60);
  });

  test('never allows more than the quota and its refill, whatever the arrivals', () => {
    holds(
      property(array(integer({ min: 0, max: 5000 }), { maxLength: 400 }), (gaps) => {
        let now = 0;
        const limiter = new MemoryRateLimiter({ now: () => now });
        let allowed = 0;
        for (const gap of gaps) {
          now += gap;
          if (limiter.take('a', policy).isAllowed) allowed += 1;
          expect(allowed).toBeLessThanOrEqual(60 + Math.floor(now / 1000));
        }
      }),
      { numRuns: 50 },
    );
  });

  test('is bounded in keys', () => {
    const limiter = new MemoryRateLimiter({ keysMax: 100, now: () => 0 });
    for (let i = 0; i < 1000; i += 1) limiter.take(`key ${i}`, policy);
    expect(limiter.keyCount).toBeLessThanOrEqual(100);
  });

  test('headers are structured fields', () => {
    const decision = new MemoryRateLimiter({ now: () => 0 }).take('a', policy);
    expect(rateLimitHeaders(decision)).toEqual({
      'ratelimit-policy': '"subject";q=60;w=60',
      ratelimit: '"subject";r=59;t=1',
    });
  });
});

test('addresses are counted by IPv4 address, by IPv6 network, and apart when shared', () => {
  const classOf = createAddressClassifier(['10.1.0.0/16', 'fd00::5']);
  expect(classOf('192.0.2.7')).toEqual({ kind: 'direct', key: '192.0.2.7' });
  expect(classOf('::ffff:192.0.2.7')).toEqual({ kind: 'direct', key: '192.0.2.7' });
  expect(classOf('10.1.9.9').kind).toBe('shared');
  expect(classOf('::ffff:10.1.9.9').kind).toBe('shared');
  expect(classOf('fd00::5').kind).toBe('shared');
  expect(classOf('2001:db8:0:1::1')).toEqual(classOf('2001:0db8:0000:0001:ffff::2'));
  expect(classOf('2001:db8:0:1::1')).not.toEqual(classOf('2001:db8:0:2::1'));
  expect(classOf(undefined).kind).toBe('direct');
  expect(() => createAddressClassifier(['everywhere'])).toThrow(RangeError);
});

test('If-None-Match is compared weakly, over a list', () => {
  expect(isNotModified(undefined, '"a"')).toBe(false);
  expect(isNotModified('"b", W/"a"', '"a"')).toBe(true);
  expect(isNotModified('"b"', '"a"')).toBe(false);
  expect(isNotModified('*', '"a"')).toBe(true);
});

import { describe, expect, test } from 'vitest';
import { formatTime, systemClock, TestClock } from '../../src/runtime/clock.ts';

describe('systemClock', () => {
  test('a jump backwards is detected, not obeyed', () => {
    const readings = [1000, 2000, 500, 1500, 3000];
    let index = 0;
    const clock = systemClock({ wall: () => readings[index] ?? 0 });
    const seen = readings.map((_, at) => {
      index = at;
      return [clock.now(), clock.behindMs()];
    });
    expect(seen).toEqual([
      [1000, 0],
      [2000, 0],
      [2000, 1500],
      [2000, 500],
      [3000, 0],
    ]);
  });

  test('starts no earlier than the last durable timestamp', () => {
    const clock = systemClock({ floorMs: 5000, wall: () => 10 });
    expect(clock.now()).toBe(5000);
    expect(clock.behindMs()).toBe(4990);
  });

  test('sleeping ends at once when aborted', async () => {
    const abort = new AbortController();
    const sleeping = systemClock().sleep(60_000, abort.signal);
    abort.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow();
  });
});

test('times are RFC 3339 in UTC with milliseconds', () => {
  expect(formatTime(Date.UTC(2026, 0, 31, 12, 0, 0, 7))).toBe('2026-01-31T12:00:00.007Z');
});

test('a test clock wakes sleepers in the order of their time', async () => {
  const clock = new TestClock(0);
  const woken: number[] = [];
  const sleeps = [300, 100, 200].map((ms) => clock.sleep(ms).then(() => woken.push(ms)));
  await clock.slept();
  clock.advance(250);
  await Promise.all([sleeps[1], sleeps[2]]);
  expect(woken).toEqual([100, 200]);
  clock.advance(50);
  await Promise.all(sleeps);
  expect(clock.now()).toBe(300);
});

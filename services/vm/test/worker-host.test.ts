import { expect, test } from 'vitest';
import { heapMbOf } from '../src/worker-host.ts';

test('a thread has its whole heap where memory is not limited', () => {
  expect(heapMbOf('chain', 0)).toBe(768);
  expect(heapMbOf('calls', 64 * 2 ** 30)).toBe(384);
});

test('in a small container the two threads leave room for the rest of the process', () => {
  for (const limitMb of [192, 384, 1024]) {
    const both = heapMbOf('chain', limitMb * 2 ** 20) + heapMbOf('calls', limitMb * 2 ** 20);
    expect(both).toBeLessThanOrEqual(0.7 * limitMb);
    expect(both).toBeGreaterThan(0.6 * limitMb);
  }
});

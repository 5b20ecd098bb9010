import { expect, test } from 'vitest';
import { fuzzLane } from '../../../../../test/fuzz/fuzz.ts';

/** Streams of every run; `pnpm fuzz` plays more of them, with another seed each time. */
const streams = 20_000;

test('with the lane every stream of bytes comes to what the ordinary server makes of it', async () => {
  const report = await fuzzLane({ streams, seed: 4 });
  expect(report.differences).toEqual([]);
  expect(report.streams).toBe(streams);
  // Both ways are taken, and often.
  expect(report.served).toBeGreaterThan(streams / 4);
  expect(report.handedOver).toBeGreaterThan(streams / 2);
}, 180_000);

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runFork, stateTestArchive } from './evm/run-cases.ts';
import { type ExternalData, missingNote, openExternalData } from './external-data.ts';

/** One fixture file in `step` for a fork, spread over all folders: a slice that takes seconds. */
const slices = [
  { fork: 'Osaka', step: 12, least: 300 },
  { fork: 'Prague', step: 32, least: 50 },
] as const;

describe("Ethereum's state tests on our state and trie (ethereum/execution-spec-tests v5.4.0)", () => {
  let data: ExternalData | undefined;

  beforeAll(async () => {
    data = await openExternalData(stateTestArchive);
  }, 60_000);

  afterAll(() => data?.[Symbol.asyncDispose]());

  test.for(slices)('$fork: every case of one file in $step', async ({ fork, step, least }, { skip }) => {
    if (data === undefined) return skip(missingNote(stateTestArchive));
    const { wrong, cases } = await runFork(data, { fork, step });
    expect(wrong).toEqual([]);
    expect(cases).toBeGreaterThan(least);
  });
});

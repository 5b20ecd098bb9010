import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { casesOf, runCase } from './evm/state-test.ts';
import { type ExternalData, missingNote, openExternalData } from './external-data.ts';

const archive = 'evm/eest-state-tests.tar.xz';
/** One fixture file in `step` for a fork, spread over all folders: a slice that takes seconds. */
const slices = [
  { fork: 'Osaka', step: 12, least: 300 },
  { fork: 'Prague', step: 32, least: 50 },
] as const;

describe("Ethereum's state tests on our state and trie (ethereum/execution-spec-tests v5.4.0)", () => {
  let data: ExternalData | undefined;

  beforeAll(async () => {
    data = await openExternalData(archive);
  }, 60_000);

  afterAll(() => data?.[Symbol.asyncDispose]());

  test.for(slices)('$fork: every case of one file in $step', async ({ fork, step, least }, { skip }) => {
    if (data === undefined) return skip(missingNote(archive));
    const wrong: string[] = [];
    let count = 0;
    const files = data.list('state_tests/**/*.json').filter((_file, index) => index % step === 0);
    for (const file of files) {
      for (const one of casesOf((await data.read(file)).toString('utf8'), fork)) {
        count += 1;
        const problem = await runCase(one);
        if (problem !== undefined) wrong.push(`${file} ${one.name}: ${problem}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(count).toBeGreaterThan(least);
  });
});

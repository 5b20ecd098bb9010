import type { ExternalData } from '../external-data.ts';
import { casesOf, runCase } from './state-test.ts';

/** The archive of the state tests, under the data folder. */
export const stateTestArchive = 'evm/eest-state-tests.tar.xz';

/** What some fixture files said of one fork. */
export interface ForkReport {
  readonly fork: string;
  readonly files: number;
  readonly cases: number;
  /** One line for each case that did not come out as its file says. */
  readonly wrong: readonly string[];
}

export interface RunOptions {
  /** Hard fork, as the fixtures name it. */
  readonly fork: string;
  /** Every how many-th file is run, in the order of their paths; 1: all of them. */
  readonly step?: number;
  /** Told after each file, with how many of all are done. */
  readonly onProgress?: (done: number, all: number) => void;
}

/** Runs every case of the fixture files for one fork on our state and trie, one after another. */
export async function runFork(data: ExternalData, { fork, step = 1, onProgress }: RunOptions): Promise<ForkReport> {
  const files = data.list('state_tests/**/*.json').filter((_file, index) => index % step === 0);
  const wrong: string[] = [];
  let cases = 0;
  for (const [index, file] of files.entries()) {
    for (const one of casesOf((await data.read(file)).toString('utf8'), fork)) {
      cases += 1;
      const problem = await runCase(one);
      if (problem !== undefined) wrong.push(`${file} ${one.name}: ${problem}`);
    }
    onProgress?.(index + 1, files.length);
  }
  return { fork, files: files.length, cases, wrong };
}

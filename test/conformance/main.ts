import { parseArgs } from 'node:util';
import { runFork, stateTestArchive } from './evm/run-cases.ts';
import { missingNote, openExternalData } from './external-data.ts';

// Whole conformance suites, of which every test run takes a fixed sample: `pnpm conformance evm [--fork NAME]`.

const forks = ['Osaka', 'Prague'];

const { positionals, values } = parseArgs({ allowPositionals: true, options: { fork: { type: 'string' } } });
const [name] = positionals;
if (name !== 'evm' || positionals.length > 1 || (values.fork !== undefined && !forks.includes(values.fork))) {
  console.error(`usage: pnpm conformance evm [--fork ${forks.join('|')}]   (without --fork: both)`);
  process.exitCode = 2;
} else {
  await runEvm(values.fork === undefined ? forks : [values.fork]);
}

/** Ethereum's state tests, all of them. */
async function runEvm(wanted: readonly string[]): Promise<void> {
  await using data = await openExternalData(stateTestArchive);
  if (data === undefined) {
    console.error(missingNote(stateTestArchive));
    process.exitCode = 1;
    return;
  }
  for (const fork of wanted) {
    const startedAt = performance.now();
    const { cases, files, wrong } = await runFork(data, {
      fork,
      onProgress: (done, all) => {
        if (done % 200 === 0) console.error(`${fork}: ${done} of ${all} files`);
      },
    });
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    for (const line of wrong) console.log(`FAILED ${line}`);
    console.log(`${fork}: ${cases - wrong.length} of ${cases} cases of ${files} files as they say, in ${seconds} s`);
    if (wrong.length > 0 || cases === 0) process.exitCode = 1;
  }
}

import { parseArgs } from 'node:util';
import { ledgerBench } from './ledger/main.ts';
import { overloadBench } from './ledger/overload.ts';
import { formatComparisons, formatMachine } from './report.ts';
import { writeSection } from './results.ts';
import { smoke } from './smoke.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean' },
    only: { type: 'string' },
    profile: { type: 'string' },
    minutes: { type: 'string' },
  },
});

/** Each answers whether what it measured is what a working platform gives. */
const suites: Readonly<Record<string, () => Promise<boolean>>> = {
  smoke: smokeBench,
  ledger: () => ledgerBench(values),
  overload: () => overloadBench(values),
};

async function smokeBench(): Promise<boolean> {
  const table = formatComparisons(await smoke((line) => console.error(line)));
  const section = `${formatMachine()}\n\nMedians of the rounds; ours and the peer took turns in one run.\n\n${table}`;
  console.log(section);
  await writeSection('smoke', section);
  return true;
}

const [name] = positionals;
if (name !== undefined && !(name in suites)) {
  console.error(`There is no benchmark ${name}; there are: ${Object.keys(suites).join(', ')}.`);
  process.exitCode = 2;
} else {
  for (const [suite, run] of Object.entries(suites)) {
    if (name !== undefined && name !== suite) continue;
    if (!(await run())) process.exitCode = 1;
  }
}

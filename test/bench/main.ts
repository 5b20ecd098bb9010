import { writeFile } from 'node:fs/promises';
import { formatComparisons, formatMachine } from './report.ts';
import { smoke } from './smoke.ts';

const suites = { smoke } as const;

const [name] = process.argv.slice(2);
if (name !== undefined && !(name in suites)) {
  console.error(`There is no benchmark ${name}; there are: ${Object.keys(suites).join(', ')}.`);
  process.exitCode = 2;
} else {
  const chosen = Object.entries(suites).filter(([suite]) => name === undefined || suite === name);
  const parts = [`# Benchmarks`, '', formatMachine(), ''];
  for (const [suite, run] of chosen) {
    const table = formatComparisons(await run((line) => console.error(line)));
    parts.push(`## ${suite}`, '', 'Medians of the rounds; ours and the peer took turns in one run.', '', table, '');
  }
  console.log(parts.join('\n'));
  if (name === undefined) await writeFile(new URL('./RESULTS.md', import.meta.url), parts.join('\n'));
}

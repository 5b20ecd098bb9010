import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatTable, runMatrix } from './matrix.ts';

// Every write, sync, name and folder of a working ledger refused once, with EIO and with ENOSPC: `pnpm faults`.

const { values } = parseArgs({ options: { sample: { type: 'boolean' }, jobs: { type: 'string' } } });
const folder = await mkdtemp(join(tmpdir(), 'lucid-faults-'));
try {
  const report = await runMatrix({
    folder,
    isSample: values.sample ?? false,
    jobs: Number(values.jobs ?? 2),
    onProgress: (line) => console.error(line),
  });
  console.log(formatTable(report.runs));
  for (const { scenario, fault, failure } of report.failures) {
    console.log(`FAILED ${scenario}: ${fault.call} ${fault.ordinal} on ${fault.kind} (${fault.error}): ${failure}`);
  }
  console.log(`${report.runs.length} faults, ${report.failures.length} failed`);
  if (report.failures.length > 0) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true });
}

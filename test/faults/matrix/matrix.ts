import { type Fault, FaultRuns, type Outcome, type Scenario, scenarios } from './ledger-run.ts';
import { type FileKind, faultErrors, fileKinds, firstOfEach } from './sites.ts';

export type MatrixOptions = {
  /** An empty folder, for the disks. */
  readonly folder: string;
  /** Each distinct call once, the errors in turn; all calls with all errors otherwise. */
  readonly isSample: boolean;
  readonly jobs: number;
  readonly onProgress?: (line: string) => void;
};

export type MatrixRun = {
  readonly scenario: Scenario;
  readonly fault: Fault;
  readonly outcome: Outcome | 'failed';
  /** What did not hold. */
  readonly failure?: string;
};

export type MatrixReport = { readonly runs: readonly MatrixRun[]; readonly failures: readonly MatrixRun[] };

/** Outcomes that leave the ledger neither working nor ended by its own word. */
const wrongOutcomes: readonly Outcome[] = ['ended', 'stuck'];

/** Puts a fault into every call the ledger makes to its disk, one in a run, and looks whether its word still holds. */
export async function runMatrix(options: MatrixOptions): Promise<MatrixReport> {
  const { onProgress = () => {} } = options;
  const faultRuns = await FaultRuns.prepare(options.folder);
  const planned = await plan(faultRuns, options);
  onProgress(`${planned.length} faults`);
  const runs: MatrixRun[] = [];
  const left = planned.toReversed();
  const work = async (): Promise<void> => {
    for (let next = left.pop(); next; next = left.pop()) {
      const run = await runOne(faultRuns, next.scenario, next.fault);
      runs.push(run);
      const { call, ordinal, kind, error } = next.fault;
      onProgress(
        `${runs.length}/${planned.length} ${next.scenario}: ${call} ${ordinal} on ${kind}, ${error}: ${run.outcome}`,
      );
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, work));
  return { runs, failures: runs.filter(({ failure }) => failure !== undefined) };
}

async function plan(
  faultRuns: FaultRuns,
  { isSample, jobs }: MatrixOptions,
): Promise<{ scenario: Scenario; fault: Fault }[]> {
  const left = scenarios.flatMap((scenario) => Object.keys(fileKinds).map((kind) => ({ scenario, kind })));
  const planned: { scenario: Scenario; fault: Fault }[] = [];
  const list = async (): Promise<void> => {
    for (let next = left.pop(); next; next = left.pop()) {
      const { scenario } = next;
      const sites = await faultRuns.sites(scenario, next.kind as FileKind);
      for (const [index, site] of (isSample ? firstOfEach(sites) : sites).entries()) {
        const errors = isSample ? [faultErrors[index % faultErrors.length] ?? 'EIO'] : faultErrors;
        for (const error of errors) planned.push({ scenario, fault: { ...site, error } });
      }
    }
  };
  await Promise.all(Array.from({ length: jobs }, list));
  return planned;
}

async function runOne(faultRuns: FaultRuns, scenario: Scenario, fault: Fault): Promise<MatrixRun> {
  try {
    const outcome = await faultRuns.run(scenario, fault);
    if (!wrongOutcomes.includes(outcome)) return { scenario, fault, outcome };
    return { scenario, fault, outcome, failure: `the ledger is ${outcome}` };
  } catch (error) {
    return { scenario, fault, outcome: 'failed', failure: error instanceof Error ? error.message : String(error) };
  }
}

/** One line for each kind of file and call: how often it was refused, and how the ledger took it. */
export function formatTable(runs: readonly MatrixRun[]): string {
  const rows = new Map<string, Map<string, number>>();
  for (const { fault, outcome } of runs) {
    const key = `${fault.kind} | ${fault.call} | ${fault.error}`;
    const row = rows.get(key) ?? new Map<string, number>();
    row.set(outcome, (row.get(outcome) ?? 0) + 1);
    rows.set(key, row);
  }
  const lines = [...rows].map(([key, row]) => {
    const outcomes = [...row].map(([outcome, count]) => `${count} ${outcome}`).join(', ');
    return `| ${key} | ${outcomes} |`;
  });
  return ['| file | call | error | how the ledger took it |', '|---|---|---|---|', ...lines.toSorted()].join('\n');
}

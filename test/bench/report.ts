import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { median, type Round } from './measure.ts';

/** One comparison: ours and a peer's rounds, taken in turns in the same run. */
export interface Comparison {
  readonly name: string;
  readonly unit: string;
  readonly peer: string;
  readonly ours: readonly Round[];
  readonly theirs: readonly Round[];
  /** Operations count as this many units each (bytes for throughput); 1 unless given. */
  readonly unitsPerOperation?: number;
}

function rate({ operations, seconds }: Round): number {
  return operations / seconds;
}
function perCpuSecond({ operations, cpuSeconds }: Round): number {
  return operations / cpuSeconds;
}

function format(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}

/** Medians of the rounds, and the ratio of ours to the peer's per second of processor time. */
export function formatComparisons(comparisons: readonly Comparison[]): string {
  const head = [
    '| what | unit | ours /s | p50 / p99 ms | ours per CPU-s | peer | peer /s | peer per CPU-s | ratio per CPU-s |',
    '|---|---|---|---|---|---|---|---|---|',
  ];
  const rows = comparisons.map(({ name, unit, peer, ours, theirs, unitsPerOperation = 1 }) => {
    const of = (rounds: readonly Round[], figure: (round: Round) => number) =>
      median(rounds.map(figure)) * unitsPerOperation;
    const latency = `${median(ours.map((r) => r.p50Ms)).toFixed(2)} / ${median(ours.map((r) => r.p99Ms)).toFixed(2)}`;
    const ratio = of(ours, perCpuSecond) / of(theirs, perCpuSecond);
    const cells = [name, unit, format(of(ours, rate)), latency, format(of(ours, perCpuSecond)), peer];
    return `| ${[...cells, format(of(theirs, rate)), format(of(theirs, perCpuSecond)), ratio.toFixed(2)].join(' | ')} |`;
  });
  return [...head, ...rows].join('\n');
}

/** What the figures were taken on. */
export function formatMachine(): string {
  const [cpu] = cpus();
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return `Lucid ${version} · Node ${process.version} · ${process.platform}/${process.arch} · ${cpus().length} × ${cpu?.model ?? 'unknown'} · ${memory} GiB · ${new Date().toISOString().slice(0, 10)}`;
}

import { formatMachine } from '../report.ts';
import { writeSection } from '../results.ts';
import { batchAppends, loneCaller, singleAppends, slowDisk } from './append-bars.ts';
import type { Bar, Figure, Measured, Plan } from './bar.ts';
import { p50, perCpuSecond, perSecond } from './bar.ts';
import { loadTool } from './load.ts';
import { diskPerEntry, inclusionProofs, openAndRebuild } from './tree-bars.ts';

const bars: Readonly<Record<string, (plan: Plan) => Promise<Measured>>> = {
  L1: singleAppends,
  L2: batchAppends,
  L3: loneCaller,
  L4: slowDisk,
  L6: inclusionProofs,
  L7: openAndRebuild,
  L8: diskPerEntry,
};

export interface LedgerBenchOptions {
  readonly quick?: boolean | undefined;
  /** Names of bars, comma-separated; all unless given. */
  readonly only?: string | undefined;
  /** Where processor profiles of the ledger are written. */
  readonly profile?: string | undefined;
}

/**
 * `pnpm bench ledger`: the ledger's bars of quality.md, each beside its peer in the same run. Answers whether all is
 * well: every bar measured and, with `quick`, none ten times worse than it should be.
 */
export async function ledgerBench({ quick = false, only, profile }: LedgerBenchOptions): Promise<boolean> {
  const say = (line: string): void => console.error(line);
  const plan: Plan = { isQuick: quick, rounds: quick ? 1 : 3, seconds: quick ? 1 : 3, profileFolder: profile, say };
  const names = only?.split(',') ?? Object.keys(bars);
  const measured: Measured[] = [];
  for (const name of names) {
    const run = bars[name];
    if (run === undefined) throw new Error(`There is no bar ${name}; there are: ${Object.keys(bars).join(', ')}.`);
    say(name);
    measured.push(await run(plan));
  }
  const all = measured.flatMap((part) => part.bars);
  const section = [
    formatMachine(),
    `Load: ${await loadTool()}. Medians of ${plan.rounds} rounds; the contestants took turns in one run.`,
    formatBars(all, quick),
    formatFigures(measured.flatMap(({ figures }) => figures)),
  ].join('\n\n');
  console.log(section);
  if (!quick && only === undefined) await writeSection('ledger', section);
  const insane = all.filter(({ isSane }) => !isSane);
  for (const { id, what, value } of insane) say(`${id}: ${what}: ${value} is nowhere near`);
  return insane.length === 0;
}

function formatBars(all: readonly Bar[], isQuick: boolean): string {
  const rows = all.map(
    ({ id, what, bar, value, isMet, isSane }) =>
      `| ${id} | ${what} | ${bar} | ${value} | ${isQuick ? (isSane ? 'works' : '**broken**') : isMet ? 'met' : '**not met**'} |`,
  );
  return ['| bar | what | asked | measured | |', '|---|---|---|---|---|', ...rows].join('\n');
}

function formatFigures(figures: readonly Figure[]): string {
  const number = (value: number): string => (Number.isFinite(value) ? Math.round(value).toLocaleString('en') : '');
  const rows = figures.map(({ name, rounds, entries = 1 }) => {
    const cells = [name, number(perSecond(rounds)), number(perSecond(rounds) * entries)];
    return `| ${[...cells, number(perCpuSecond(rounds) * entries), p50(rounds).toFixed(3)].join(' | ')} |`;
  });
  if (rows.length === 0) return '';
  return ['| who | requests/s | entries/s | entries per CPU-s | p50 ms |', '|---|---|---|---|---|', ...rows].join('\n');
}

import type { Round } from '../measure.ts';
import { median } from '../measure.ts';

/** One bar, what was measured, and whether it is met. */
export interface Bar {
  readonly id: string;
  readonly what: string;
  /** In words, as quality.md has it. */
  readonly bar: string;
  readonly value: string;
  readonly isMet: boolean;
  /** Whether the figure is anywhere near what a working ledger gives: what a run on a small machine is held to. */
  readonly isSane: boolean;
}

/** A line of the figures behind the bars: ours and the peers'. */
export interface Figure {
  readonly name: string;
  readonly rounds: readonly Round[];
  /** Entries per request; 1 unless given. */
  readonly entries?: number;
}

export interface Measured {
  readonly bars: readonly Bar[];
  readonly figures: readonly Figure[];
  /** What the figures do not say by themselves. */
  readonly notes?: readonly string[];
}

export interface Plan {
  /** Few short rounds and small trees: whether it works, not how well. */
  readonly isQuick: boolean;
  readonly rounds: number;
  readonly seconds: number;
  readonly profileFolder?: string | undefined;
  readonly say: (line: string) => void;
}

/** Ten times worse than the bar is no machine's fault; times by the clock are, when others use its processors and disk. */
const saneFactor = 10;
const saneFactorByClock = 100;

type Ratio = {
  readonly id: string;
  readonly what: string;
  readonly value: number;
  readonly limit: number;
  readonly unit?: string;
  /** Whether it is a time by the clock, not of the processor. */
  readonly isByClock?: boolean;
};

/** A bar that is a smallest value. */
export function atLeast({ id, what, value, limit, unit = '×', isByClock = false }: Ratio): Bar {
  const isSane = value >= limit / (isByClock ? saneFactorByClock : saneFactor) && Number.isFinite(value);
  return { id, what, bar: `≥ ${limit} ${unit}`, value: `${format(value)} ${unit}`, isMet: value >= limit, isSane };
}

/** A bar that is a largest value. */
export function atMost({ id, what, value, limit, unit = '×', isByClock = false }: Ratio): Bar {
  const isSane = value > 0 && value <= limit * (isByClock ? saneFactorByClock : saneFactor);
  return {
    id,
    what,
    bar: `≤ ${limit} ${unit}`,
    value: `${format(value)} ${unit}`,
    isMet: value > 0 && value <= limit,
    isSane,
  };
}

function format(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}

export const perCpuSecond = (rounds: readonly Round[]): number =>
  median(rounds.map(({ operations, cpuSeconds }) => operations / cpuSeconds));
export const perSecond = (rounds: readonly Round[]): number =>
  median(rounds.map(({ operations, seconds }) => operations / seconds));
export const p50 = (rounds: readonly Round[]): number => median(rounds.map(({ p50Ms }) => p50Ms));

/** Each in turn, one warm-up and then the rounds, so that a noisy neighbour hits all of them. */
export async function inTurns<K extends string>(
  { rounds, say }: Plan,
  contestants: Readonly<Record<K, () => Promise<Round>>>,
): Promise<Record<K, Round[]>> {
  const names = Object.keys(contestants) as K[];
  const taken = Object.fromEntries(names.map((name) => [name, [] as Round[]])) as Record<K, Round[]>;
  for (let round = 0; round <= rounds; round += 1) {
    for (const name of names) {
      const result = await contestants[name]();
      if (round > 0) taken[name].push(result);
    }
    say(round === 0 ? '  warm' : `  round ${round} of ${rounds}`);
  }
  return taken;
}

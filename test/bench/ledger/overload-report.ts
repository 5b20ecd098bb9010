import { median } from '../measure.ts';
import type { Arrivals } from './newcomers.ts';
import type { Tally } from './raw-client.ts';

/** One disk to overload a ledger on, and what is asked of it there. */
export interface Scenario {
  readonly name: string;
  /** Added to each sync. */
  readonly delayMs: number;
  /** How many callers at once the capacity is looked for with; the best counts. All are fewer than are ever refused. */
  readonly callerCounts: readonly number[];
  readonly roundSec: number;
  readonly p99MaxMs: number;
  readonly recoveryMaxSec: number;
}

/** A stretch of the overload; `admittedMs` is sorted. */
export interface Sample extends Tally {
  readonly atSec: number;
  readonly seconds: number;
  /** Requests that arrived, wherever they got to. */
  readonly asked: number;
  readonly arrivals: Arrivals;
  readonly memoryMib: number;
}

export interface Outcome {
  readonly scenario: Scenario;
  /** Appends a second. */
  readonly capacity: number;
  readonly connections: number;
  readonly factor: number;
  readonly samples: readonly Sample[];
  readonly memoryCalm: number;
  readonly recoverySec: number;
}

const quantile = (sorted: readonly number[], share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
const admittedOf = ({ admittedMs, arrivals }: Sample): number => admittedMs.length + arrivals.admitted;
const whole = (value: number): string => Math.round(value).toLocaleString('en');
const head =
  '| s | asked/s | sent/s | admitted/s | refused/s | without Retry-After | no connection free/s | not let in/s | broken | p50 ms | p99 ms | memory MiB |';

export function formatSample(sample: Sample): string {
  const { admittedMs, arrivals, asked, atSec, broken, memoryMib, refused, seconds, sent } = sample;
  const counts = [asked, sent + arrivals.knocked, admittedOf(sample), refused + arrivals.refused];
  const cells = [
    atSec,
    ...counts.map((count) => count / seconds),
    sample.refusedWithoutRetryAfter,
    arrivals.unserved / seconds,
    arrivals.turnedAway / seconds,
    broken,
    quantile(admittedMs, 0.5),
    quantile(admittedMs, 0.99),
    memoryMib,
  ];
  return `| ${cells.map(whole).join(' | ')} |`;
}

type Row = readonly [asked: string, measured: string, isMet: boolean];

/** A row a run: what was asked, what came, whether it is met. What was never put to the test is not met. */
export function judge(outcome: Outcome): { text: string; isWell: boolean } {
  const { capacity, connections, factor, samples, scenario } = outcome;
  const rows = [...loadRows(outcome), ...answerRows(outcome), ...afterRows(outcome)];
  const table = rows.map(([asked, measured, isMet]) => `| ${asked} | ${measured} | ${isMet ? 'met' : '**not met**'} |`);
  const columns = head.split('|').length - 2;
  const text = [
    `**${scenario.name}.** Capacity: ${whole(capacity)}/s, from the same client. Asked for ${factor} × that over ${connections} connections of one request each; who finds none free opens another, some hundreds a second at most, and else goes away.\n`,
    '| asked | measured | |\n|---|---|---|',
    ...table,
    `\n${head}\n|${'---|'.repeat(columns)}`,
    ...samples.map(formatSample),
  ].join('\n');
  return { text, isWell: samples.length > 1 && rows.every(([, , isMet]) => isMet) };
}

function loadRows({ capacity, factor, samples, scenario }: Outcome): Row[] {
  const rate = (count: (sample: Sample) => number): number =>
    median(samples.map((sample) => count(sample) / sample.seconds)) / capacity;
  const asked = rate((sample) => sample.asked);
  const sent = rate(({ sent: onCrowd, arrivals }) => onCrowd + arrivals.knocked);
  const beyond = sum(samples, ({ arrivals, refused }) => arrivals.unserved + refused);
  const admitted = rate(admittedOf);
  // On a slow disk nothing stops the client from sending all of it.
  const sentMin = scenario.delayMs > 0 ? 0.9 * factor : 0;
  return [
    [`it is overloaded: ${factor} × asked`, `${asked.toFixed(2)} ×`, asked >= 0.9 * factor],
    sentMin > 0
      ? ['all of it is sent', `${sent.toFixed(2)} ×`, sent >= sentMin]
      : ['more is brought than it can hold', `${sent.toFixed(2)} × sent; ${whole(beyond)} found no room`, beyond > 0],
    ['admitted ≥ 0.8 × capacity', `${admitted.toFixed(2)} ×`, admitted >= 0.8],
  ];
}

function answerRows({ samples, scenario }: Outcome): Row[] {
  const p99 = samples.map(({ admittedMs }) => quantile(admittedMs, 0.99));
  const silent = sum(samples, (sample) => sample.refusedWithoutRetryAfter);
  const refused = sum(samples, (sample) => sample.refused);
  const turnedAway = sum(samples, ({ arrivals }) => arrivals.turnedAway);
  const broken = sum(samples, (sample) => sample.broken);
  return [
    [
      `p99 of the admitted ≤ ${scenario.p99MaxMs / 1000} s`,
      `median ${whole(median(p99))} ms, worst ${whole(Math.max(...p99))} ms`,
      Math.max(...p99) <= scenario.p99MaxMs && samples.every(({ admittedMs }) => admittedMs.length > 0),
    ],
    scenario.delayMs > 0
      ? [
          'what is too much is refused, and told when to come back',
          `${whole(silent)} of ${whole(refused)} not told`,
          refused > 0 && silent === 0,
        ]
      : [
          'connections beyond its limit are not let in',
          `${whole(turnedAway)} turned away; ${whole(refused)} refused, ${whole(silent)} not told when to come back`,
          turnedAway > 0 && silent === 0,
        ],
    ['nothing breaks', `${whole(broken)} connections or answers`, broken === 0],
  ];
}

function afterRows({ memoryCalm, recoverySec, samples, scenario }: Outcome): Row[] {
  const mib = samples.map((sample) => sample.memoryMib);
  const half = Math.floor(mib.length / 2);
  const [early, late] = [Math.max(...mib.slice(0, half)), Math.max(...mib.slice(half))];
  return [
    [
      'memory flat: second half ≤ 1.1 × first',
      `${whole(memoryCalm)} MiB calm, ${whole(early)}, ${whole(late)}`,
      late <= early * 1.1,
    ],
    [
      `the calm callers served at half their rate again within ${scenario.recoveryMaxSec} s`,
      `${recoverySec.toFixed(2)} s`,
      recoverySec <= scenario.recoveryMaxSec,
    ],
  ];
}

function sum(samples: readonly Sample[], count: (sample: Sample) => number): number {
  return samples.reduce((total, sample) => total + count(sample), 0);
}

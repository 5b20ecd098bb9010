import { median, memoryMibOf } from '../measure.ts';
import { formatMachine } from '../report.ts';
import { writeSection } from '../results.ts';
import { startLedger } from './ledger-server.ts';
import { RawClient, type Tally } from './raw-client.ts';
import { singleRequest } from './request.ts';

/** Connections the overload comes over: nearly as many as the service takes. */
const connections = 4000;
/** How many callers at once the capacity is looked for with; the best counts. All are fewer than are ever refused. */
const callerCounts = [256, 900];
const factor = 2;
const tickMs = 1;
/** What could not be sent for want of a free connection is not sent later in one heap. */
const backlogMs = 100;
const tokenEveryMs = 60_000;

interface Capacity {
  readonly callers: number;
  readonly perSecond: number;
}

interface Sample extends Tally {
  readonly atSec: number;
  readonly seconds: number;
  readonly memoryMib: number;
}

export interface OverloadOptions {
  readonly minutes?: string | undefined;
  readonly profile?: string | undefined;
}

/**
 * `pnpm bench overload`: twice what the ledger can take, for minutes. How much it admits meanwhile, how long those
 * admitted wait, whether each refusal says when to come back, what memory does, and how soon it is itself again.
 */
export async function overloadBench({ minutes = '1', profile }: OverloadOptions): Promise<boolean> {
  const say = (line: string): void => console.error(line);
  await using ledger = await startLedger({ profileFolder: profile });
  const memoryMib = (): number => memoryMibOf(ledger.pid);
  const url = `${ledger.url}/entries`;
  const request = async () => singleRequest(await ledger.token());
  const calm = async (callers: number): Promise<RawClient> => await RawClient.connect(url, await request(), callers);
  const capacity = await measureCapacity(calm);
  say(`capacity: ${Math.round(capacity.perSecond)} appends/s from ${capacity.callers} callers`);
  const memoryCalm = memoryMib();
  const samples: Sample[] = [];
  {
    await using crowd = await RawClient.connect(url, await request(), connections);
    const asked = capacity.perSecond * factor;
    const renew = setInterval(() => void request().then((next) => crowd.renewToken(next)), tokenEveryMs);
    await sendAt(crowd, asked, Number(minutes) * 60, (tally, atSec, seconds) => {
      const sample = { ...summary(tally), atSec, seconds, memoryMib: memoryMib() };
      samples.push(sample);
      say(formatRow(sample));
    });
    clearInterval(renew);
  }
  const recoverySec = await measureRecovery(calm, capacity);
  const { text, isWell } = judge({ capacity, samples, memoryCalm, recoverySec });
  console.log(text);
  await writeSection('overload', text);
  return isWell;
}

/** Keeps the times sorted and few: a sample is read for its quantiles only. */
function summary(tally: Tally): Tally {
  return { ...tally, admittedMs: tally.admittedMs.toSorted((a, b) => a - b) };
}

/** The most it takes from as many callers as suit it best, each asking again once answered. */
async function measureCapacity(calm: (callers: number) => Promise<RawClient>): Promise<Capacity> {
  const found: Capacity[] = [];
  for (const callers of callerCounts) {
    await using client = await calm(callers);
    await client.runClosedLoop(3);
    const rates: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      client.take();
      const startedAt = performance.now();
      await client.runClosedLoop(2);
      rates.push(client.take().admittedMs.length / ((performance.now() - startedAt) / 1000));
    }
    found.push({ callers, perSecond: median(rates) });
  }
  return found.reduce((best, one) => (one.perSecond > best.perSecond ? one : best));
}

/** An open loop: `rate` requests a second, whether the ones before are answered or not. */
async function sendAt(
  crowd: RawClient,
  rate: number,
  seconds: number,
  sampled: (tally: Tally, atSec: number, seconds: number) => void,
): Promise<void> {
  const startedAt = performance.now();
  const sampleMs = seconds >= 120 ? 10_000 : 2000;
  let accounted = startedAt;
  let sampleAt = startedAt;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, tickMs));
    const now = performance.now();
    accounted = Math.max(accounted, now - backlogMs);
    const due = Math.floor(((now - accounted) / 1000) * rate);
    accounted += (crowd.send(due) / rate) * 1000;
    if (now - sampleAt >= sampleMs) {
      sampled(crowd.take(), (now - startedAt) / 1000, (now - sampleAt) / 1000);
      sampleAt = now;
    }
    if (now - startedAt >= seconds * 1000) return;
  }
}

/** Seconds until calm callers are served at half the capacity again, a quarter of a second at a time. */
async function measureRecovery(calm: (callers: number) => Promise<RawClient>, capacity: Capacity): Promise<number> {
  const startedAt = performance.now();
  await using client = await calm(capacity.callers);
  for (;;) {
    const begun = performance.now();
    await client.runClosedLoop(0.25);
    const now = performance.now();
    const rate = client.take().admittedMs.length / ((now - begun) / 1000);
    if (rate >= capacity.perSecond * 0.5) return (begun - startedAt) / 1000;
    if (now - startedAt > 60_000) return Number.POSITIVE_INFINITY;
  }
}

const quantile = (sorted: readonly number[], share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
const admittedRate = ({ admittedMs, seconds }: Sample): number => admittedMs.length / seconds;

function formatRow(sample: Sample): string {
  const { atSec, sent, seconds, admittedMs, refused, refusedWithoutRetryAfter, broken, memoryMib } = sample;
  const cells = [atSec, sent / seconds, admittedRate(sample), refused / seconds, refusedWithoutRetryAfter, broken];
  const times = [quantile(admittedMs, 0.5), quantile(admittedMs, 0.99), memoryMib];
  return `| ${[...cells, ...times].map((value) => Math.round(value).toLocaleString('en')).join(' | ')} |`;
}

interface Outcome {
  readonly capacity: Capacity;
  readonly samples: readonly Sample[];
  readonly memoryCalm: number;
  readonly recoverySec: number;
}

function judge({ capacity, samples, memoryCalm, recoverySec }: Outcome): { text: string; isWell: boolean } {
  const share = median(samples.map(admittedRate)) / capacity.perSecond;
  const sent = median(samples.map((sample) => sample.sent / sample.seconds)) / capacity.perSecond;
  const p99 = samples.map(({ admittedMs }) => quantile(admittedMs, 0.99));
  const half = Math.floor(samples.length / 2);
  const mib = samples.map((sample) => sample.memoryMib);
  const [early, late] = [Math.max(...mib.slice(0, half)), Math.max(...mib.slice(half))];
  const silent = samples.reduce((sum, sample) => sum + sample.refusedWithoutRetryAfter, 0);
  const broken = samples.reduce((sum, sample) => sum + sample.broken, 0);
  const refused = samples.reduce((sum, sample) => sum + sample.refused, 0);
  const rows: readonly (readonly [string, string, boolean])[] = [
    ['admitted ≥ 0.8 × capacity', `${share.toFixed(2)} ×`, share >= 0.8],
    [
      'p99 of the admitted ≤ 1 s',
      `median ${median(p99).toFixed(0)} ms, worst ${Math.max(...p99).toFixed(0)} ms`,
      Math.max(...p99) <= 1000,
    ],
    ['each refusal says when to come back', `${silent} of ${refused.toLocaleString('en')} do not`, silent === 0],
    ['nothing breaks', `${broken} connections or answers`, broken === 0],
    [
      'memory flat: second half ≤ 1.1 × first',
      `${memoryCalm.toFixed(0)} MiB calm, ${early.toFixed(0)}, ${late.toFixed(0)}`,
      late <= early * 1.1,
    ],
    ['half the capacity again within 1 s', `${recoverySec.toFixed(2)} s`, recoverySec <= 1],
  ];
  const table = rows.map(([asked, measured, isMet]) => `| ${asked} | ${measured} | ${isMet ? 'met' : '**not met**'} |`);
  const head = '| s | sent/s | admitted/s | refused/s | without Retry-After | broken | p50 ms | p99 ms | memory MiB |';
  const text = [
    `${formatMachine()}

Capacity: ${Math.round(capacity.perSecond).toLocaleString('en')}/s, from ${capacity.callers} callers of the same client. Asked for ${factor} × that over ${connections} connections; really sent ${sent.toFixed(2)} ×, since a connection asks again once it is answered.
`,
    '| asked | measured | |\n|---|---|---|',
    ...table,
    `\n${head}\n|---|---|---|---|---|---|---|---|---|`,
    ...samples.map(formatRow),
  ].join('\n');
  return { text, isWell: rows.every(([, , isMet]) => isMet) };
}

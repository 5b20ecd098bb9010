import { diskShimEnvironment } from '../../support/disk-shim.ts';
import { median, memoryMibOf } from '../measure.ts';
import { formatMachine } from '../report.ts';
import { writeSection } from '../results.ts';
import { startLedger } from './ledger-server.ts';
import { type Arrivals, Newcomers } from './newcomers.ts';
import { formatSample, judge, type Sample, type Scenario } from './overload-report.ts';
import { RawClient } from './raw-client.ts';
import { type PreparedRequest, singleRequest } from './request.ts';

/** Connections the overload comes over: nearly as many as the service takes. The rest of it opens its own. */
const connections = 4000;
/** The calm callers, who are there before, during and after it. */
const calmCallers = 64;
const factor = 2;
const tickMs = 1;
/** What the client itself could not bring to the wire is not brought later in one heap. */
const backlogMs = 100;
const tokenEveryMs = 60_000;
const recoveryLookMs = 250;

/**
 * On the disk as it is, what is too much waits for a free connection or is not let in: no client on the same machine
 * can bring half of what it takes as refusals. On a disk whose syncs take a second everything is sent, and half is refused.
 */
const scenarios: readonly Scenario[] = [
  { name: 'the disk as it is', delayMs: 0, callerCounts: [256, 900], roundSec: 2, p99MaxMs: 1000, recoveryMaxSec: 1 },
  { name: 'a sync takes 1 s', delayMs: 1000, callerCounts: [900], roundSec: 10, p99MaxMs: 4000, recoveryMaxSec: 5 },
];

export interface OverloadOptions {
  readonly minutes?: string | undefined;
  readonly profile?: string | undefined;
}

/**
 * `pnpm bench overload`: twice what the ledger can take, for minutes. How much it admits meanwhile, how long those
 * admitted wait, whether each refusal says when to come back, what memory does, and how soon it is itself again.
 */
export async function overloadBench({ minutes = '1', profile }: OverloadOptions): Promise<boolean> {
  const texts: string[] = [];
  let isWell = true;
  for (const scenario of scenarios) {
    const outcome = await overload(scenario, Number(minutes) * 60, profile);
    texts.push(outcome.text);
    isWell &&= outcome.isWell;
  }
  const text = [formatMachine(), ...texts].join('\n\n');
  console.log(text);
  await writeSection('overload', text);
  return isWell;
}

const say = (line: string): void => console.error(line);

async function overload(scenario: Scenario, seconds: number, profileFolder: string | undefined) {
  say(scenario.name);
  const env = scenario.delayMs > 0 ? await diskShimEnvironment({ delayMs: scenario.delayMs }) : {};
  await using ledger = await startLedger({ env, profileFolder });
  const url = `${ledger.url}/entries`;
  const request = async () => singleRequest(await ledger.token());
  await using calm = await RawClient.connect(url, await request(), calmCallers);
  const capacity = await measureCapacity(scenario, url, await request());
  const calmPerSecond = await closedLoopRate(calm, scenario.roundSec);
  say(`capacity: ${Math.round(capacity)} appends/s; ${Math.round(calmPerSecond)} of them for ${calmCallers} callers`);
  const memoryMib = (): number => memoryMibOf(ledger.pid);
  const memoryCalm = memoryMib();
  const samples: Sample[] = [];
  {
    let current = await request();
    await using crowd = await RawClient.connect(url, current, connections);
    const newcomers = new Newcomers(url, () => current);
    const renew = setInterval(() => {
      void request().then((next) => crowd.renewToken((current = next)));
    }, tokenEveryMs);
    await sendAt({ crowd, newcomers, rate: capacity * factor, seconds }, (taken) => {
      const sample = { ...taken, memoryMib: memoryMib() };
      samples.push(sample);
      say(formatSample(sample));
    });
    clearInterval(renew);
    await newcomers.close();
  }
  const recoverySec = await measureRecovery(calm, calmPerSecond * 0.5, scenario);
  return judge({ scenario, capacity, connections, factor, samples, memoryCalm, recoverySec });
}

/** The most it takes from as many callers as suit it best, each asking again once answered. */
async function measureCapacity(
  { callerCounts, roundSec }: Scenario,
  url: string,
  request: PreparedRequest,
): Promise<number> {
  const found: number[] = [];
  for (const callers of callerCounts) {
    await using client = await RawClient.connect(url, request, callers);
    found.push(await closedLoopRate(client, roundSec));
  }
  return Math.max(...found);
}

/** Median of three rounds after one to warm. */
async function closedLoopRate(client: RawClient, seconds: number): Promise<number> {
  const rates: number[] = [];
  for (let round = 0; round <= 3; round += 1) {
    client.take();
    const startedAt = performance.now();
    await client.runClosedLoop(seconds);
    rates.push(client.take().admittedMs.length / ((performance.now() - startedAt) / 1000));
  }
  return median(rates.slice(1));
}

interface Storm {
  readonly crowd: RawClient;
  readonly newcomers: Newcomers;
  readonly rate: number;
  readonly seconds: number;
}

/** An open loop: `rate` requests arrive a second, whether those before are answered or not. */
async function sendAt(
  { crowd, newcomers, rate, seconds }: Storm,
  sampled: (sample: Omit<Sample, 'memoryMib'>) => void,
): Promise<void> {
  const startedAt = performance.now();
  const sampleMs = seconds >= 120 ? 10_000 : 2000;
  let accounted = startedAt;
  let sampleAt = startedAt;
  let asked = 0;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, tickMs));
    const now = performance.now();
    accounted = Math.max(accounted, now - backlogMs);
    const due = Math.floor(((now - accounted) / 1000) * rate);
    accounted += (due / rate) * 1000;
    asked += due;
    newcomers.arrive(due - crowd.send(due));
    if (now - sampleAt >= sampleMs) {
      const tally = crowd.take();
      const arrivals: Arrivals = newcomers.take();
      const admittedMs = tally.admittedMs.toSorted((a, b) => a - b);
      sampled({
        ...tally,
        admittedMs,
        arrivals,
        asked,
        atSec: (now - startedAt) / 1000,
        seconds: (now - sampleAt) / 1000,
      });
      sampleAt = now;
      asked = 0;
    }
    if (now - startedAt >= seconds * 1000) return;
  }
}

/** Seconds until the calm callers, who kept their connections, are served at `perSecond` again. */
async function measureRecovery(calm: RawClient, perSecond: number, { delayMs }: Scenario): Promise<number> {
  const startedAt = performance.now();
  const lookMs = recoveryLookMs + 4 * delayMs;
  for (;;) {
    const begun = performance.now();
    calm.take();
    await calm.runClosedLoop(lookMs / 1000);
    const now = performance.now();
    const rate = calm.take().admittedMs.length / ((now - begun) / 1000);
    if (rate >= perSecond) return (begun - startedAt) / 1000;
    if (now - startedAt > 60_000) return Number.POSITIVE_INFINITY;
  }
}

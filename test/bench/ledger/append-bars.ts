import { diskShimEnvironment } from '../../support/disk-shim.ts';
import { type Server, startServer } from '../measure.ts';
import { atLeast, atMost, inTurns, type Measured, type Plan, p50, perCpuSecond, perSecond } from './bar.ts';
import { startLedger } from './ledger-server.ts';
import { runClosedLoop } from './load.ts';
import { startPostgres } from './postgres.ts';
import { startRawDisk } from './raw-disk.ts';
import { batchEntries, jsonRequest, type PreparedRequest, packedRequest, singleRequest } from './request.ts';

type Noop = Server<{ readonly url: string }>;
const callers = 64;
const batchCallers = 8;

/** L1: single appends against the same Fastify route doing nothing, and PostgreSQL's inserts. */
export async function singleAppends(plan: Plan): Promise<Measured> {
  await using ledger = await startLedger({ profileFolder: plan.profileFolder });
  await using noop: Noop = await startServer('peers/fastify-noop.ts');
  await using postgres = await startPostgres();
  const { seconds } = plan;
  const load = async (server: { url: string; pid: number }, make: (token: string) => PreparedRequest) =>
    await runClosedLoop({ ...server, request: make(await ledger.token()), callers, seconds });
  const taken = await inTurns(plan, {
    ours: () => load({ url: `${ledger.url}/entries`, pid: ledger.pid }, singleRequest),
    noop: () => load({ url: `${noop.facts.url}/entries`, pid: noop.pid }, singleRequest),
    postgres: () => postgres.insertSingles(callers, seconds),
  });
  const value = perCpuSecond(taken.ours) / perCpuSecond(taken.noop);
  const what = 'single appends of 200 B, synced, 64 callers: of the same route doing nothing, per CPU-s';
  return {
    bars: [atLeast({ id: 'L1', what, value, limit: 0.75 })],
    figures: [
      { name: 'ledger, single', rounds: taken.ours },
      { name: 'Fastify route doing nothing', rounds: taken.noop },
      { name: `${postgres.version}, single INSERTs`, rounds: taken.postgres },
    ],
  };
}

/** L2: batches of a thousand, packed and as JSON, against singles in the same run and PostgreSQL's batches. */
export async function batchAppends(plan: Plan): Promise<Measured> {
  await using ledger = await startLedger({ profileFolder: plan.profileFolder });
  await using postgres = await startPostgres();
  const { seconds } = plan;
  const load = async (path: string, make: (token: string) => PreparedRequest, count: number) =>
    await runClosedLoop({
      url: ledger.url + path,
      pid: ledger.pid,
      request: make(await ledger.token()),
      callers: count,
      seconds,
    });
  const taken = await inTurns(plan, {
    single: () => load('/entries', singleRequest, callers),
    packed: () => load('/entries:batch', packedRequest, batchCallers),
    json: () => load('/entries:batch', jsonRequest, batchCallers),
    postgres: () => postgres.insertBatches(batchCallers, seconds, batchEntries),
  });
  const packed = perCpuSecond(taken.packed) * batchEntries;
  const json = perCpuSecond(taken.json) / perCpuSecond(taken.packed);
  return {
    bars: [
      atLeast({
        id: 'L2',
        what: 'packed batches of 1000: entries per CPU-s, of single appends',
        value: packed / perCpuSecond(taken.single),
        limit: 12,
      }),
      atLeast({ id: 'L2 JSON', what: 'the same batches as JSON, of packed ones', value: json, limit: 0.75 }),
    ],
    figures: [
      { name: 'ledger, single', rounds: taken.single },
      { name: 'ledger, packed batch of 1000', rounds: taken.packed, entries: batchEntries },
      { name: 'ledger, JSON batch of 1000', rounds: taken.json, entries: batchEntries },
      { name: `${postgres.version}, INSERTs of 1000 rows`, rounds: taken.postgres, entries: batchEntries },
    ],
  };
}

/** L3: one caller's time to a durable answer, against the disk's own write and sync. */
export async function loneCaller(plan: Plan): Promise<Measured> {
  await using ledger = await startLedger({ profileFolder: plan.profileFolder });
  await using disk = await startRawDisk();
  const { seconds } = plan;
  const taken = await inTurns(plan, {
    disk: () => disk.sync(seconds),
    ours: async () =>
      await runClosedLoop({
        url: `${ledger.url}/entries`,
        pid: ledger.pid,
        request: singleRequest(await ledger.token()),
        callers: 1,
        seconds,
      }),
  });
  return {
    bars: [
      atMost({
        id: 'L3',
        what: "a lone caller's p50: of the disk's own write and fdatasync of 512 B",
        value: p50(taken.ours) / p50(taken.disk),
        limit: 2.2,
        isByClock: true,
      }),
    ],
    figures: [
      { name: 'ledger, a lone caller', rounds: taken.ours },
      { name: 'write + fdatasync of 512 B', rounds: taken.disk },
    ],
  };
}

/** L4: how whole the groups are when a sync takes 5 or 20 ms longer. */
export async function slowDisk(plan: Plan): Promise<Measured> {
  const measured: Measured[] = [];
  for (const delayMs of [5, 20]) measured.push(await withDelay(plan, delayMs));
  return { bars: measured.flatMap(({ bars }) => bars), figures: measured.flatMap(({ figures }) => figures) };
}

async function withDelay(plan: Plan, delayMs: number): Promise<Measured> {
  const env = await diskShimEnvironment({ delayMs });
  await using ledger = await startLedger({ env, profileFolder: plan.profileFolder });
  await using disk = await startRawDisk(env);
  const { seconds } = plan;
  const load = async (count: number) =>
    await runClosedLoop({
      url: `${ledger.url}/entries`,
      pid: ledger.pid,
      request: singleRequest(await ledger.token()),
      callers: count,
      seconds,
    });
  const taken = await inTurns(plan, { disk: () => disk.sync(seconds), '64': () => load(64), '256': () => load(256) });
  const bars = ([64, 256] as const).map((count) => {
    const possible = count / ((p50(taken.disk) + 0.3) / 1000);
    const what = `+${delayMs} ms a sync, ${count} callers: of callers / (fsync + 0.3 ms)`;
    return atLeast({ id: 'L4', what, value: perSecond(taken[`${count}`]) / possible, limit: 0.85, isByClock: true });
  });
  return {
    bars,
    figures: [
      { name: `ledger, +${delayMs} ms, 64 callers`, rounds: taken['64'] },
      { name: `ledger, +${delayMs} ms, 256 callers`, rounds: taken['256'] },
      { name: `write + fdatasync of 512 B, +${delayMs} ms`, rounds: taken.disk },
    ],
  };
}

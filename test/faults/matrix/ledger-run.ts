import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { LedgerProcess } from '../../../services/ledger/test/support/ledger-process.ts';
import { type LedgerClient, LedgerLoad } from '../../support/ledger-load.ts';
import { type FileKind, listSites, type Phase, pathsOf, type Site, traced } from './sites.ts';

/** A log that is made under the fault, or one that is opened, and so compacts what the runs before it left. */
export const scenarios = ['new', 'reopened'] as const;
export type Scenario = (typeof scenarios)[number];

export type Fault = Site & { readonly error: string };

/**
 * How the ledger took a fault: not at all; by opening its log anew; by not starting; by ending, which it may only when
 * it was told to. `not reached`: the call did not come in this run.
 */
export type Outcome = 'unharmed' | 'reopened' | 'refused to start' | 'closed badly' | 'ended' | 'stuck' | 'not reached';

const environment = {
  // One thread for what Node asks of the disk: the n-th call is the n-th call.
  UV_THREADPOOL_SIZE: '1',
  LEDGER_STORE_BUFFER_BYTES: String(1024 * 1024),
};
/** Five of them are batches, which fill the store's buffer and begin a second log and a table. */
const requestCount = 22;
const sizes = { size: 4000, batchSize: 80 };
const patienceMs = 15_000;

/** Runs a working ledger under one fault at a time, each on a disk of its own, and holds it to what it said. */
export class FaultRuns {
  readonly #folder: string;
  readonly #base: string;

  private constructor(folder: string, base: string) {
    this.#folder = folder;
    this.#base = base;
  }

  /** Prepares the disks the runs begin with in `folder`: an empty one, and one of a log that was opened four times. */
  static async prepare(folder: string): Promise<FaultRuns> {
    const base = await mkdtemp(join(folder, 'base-'));
    const load = await LedgerLoad.create(base);
    for (let round = 0; round < 4; round += 1) {
      await using child = load.start(environment);
      const client = load.clientOf(await child.ready);
      for (let count = 0; count < 8; count += 1) await load.append(client, `base-${round}-${count}`, count);
    }
    return new FaultRuns(folder, base);
  }

  /** What the ledger asks of files of a kind in a run without a fault. */
  async sites(scenario: Scenario, kind: FileKind): Promise<Site[]> {
    return await this.#withDisk(scenario, async (load, trace) => {
      const phases: Phase[] = [];
      await work(load, tracer(trace, kind, load), (name) => phases.push({ name, from: Date.now() / 1000 }));
      return listSites(await readFile(trace, 'utf8'), kind, phases);
    });
  }

  /** Answers how it went. Throws when anything acknowledged or shown does not hold afterwards. */
  async run(scenario: Scenario, fault: Fault): Promise<Outcome> {
    return await this.#withDisk(scenario, async (load, trace) => {
      const { call, error, ordinal } = fault;
      const inject = `inject=${call}:error=${error}:when=${ordinal}`;
      const outcome = await work(load, [...tracer(trace, fault.kind, load), '-e', inject]);
      await checkAfter(load);
      const isReached = (await readFile(trace, 'utf8')).includes('(INJECTED)');
      return isReached ? outcome : 'not reached';
    });
  }

  async #withDisk<T>(scenario: Scenario, use: (load: LedgerLoad, trace: string) => Promise<T>): Promise<T> {
    const folder = await mkdtemp(join(this.#folder, 'run-'));
    try {
      if (scenario === 'reopened') await cp(this.#base, folder, { recursive: true });
      return await use(await LedgerLoad.create(folder), join(folder, 'trace'));
    } finally {
      await rm(folder, { recursive: true });
    }
  }
}

function tracer(trace: string, kind: FileKind, load: LedgerLoad): string[] {
  const paths = pathsOf(kind, join(load.dataFolder, 'data')).flatMap((path) => ['-P', path]);
  // The tracer stands aside (-D), so that signals reach the ledger.
  return ['strace', '-D', '-f', '-qq', '--seccomp-bpf', '-ttt', '-o', trace, ...paths, '-e', `trace=${traced}`];
}

/** Starts a ledger, has it take entries, leaves it idle, and ends it. */
async function work(load: LedgerLoad, before: string[], enter: (phase: string) => void = () => {}): Promise<Outcome> {
  enter('start');
  await using child = load.start(environment, before);
  const url = await orStuck(child.ready.catch(() => undefined));
  if (url === 'stuck') return 'stuck';
  if (url === undefined) return 'refused to start';
  enter('work');
  const client = load.clientOf(url);
  let isHarmed = false;
  for (let count = 0; count < requestCount; count += 1) {
    const took = await persist(load, client, child, count);
    if (took === undefined) return child.hasEnded ? 'ended' : 'stuck';
    isHarmed ||= took > 1;
  }
  enter('end');
  child.kill('SIGTERM');
  const code = await orStuck(child.exit);
  if (code === 'stuck') return 'stuck';
  if (code !== 0) return 'closed badly';
  return isHarmed || child.lines.some(({ level }) => level === 'error') ? 'reopened' : 'unharmed';
}

/** Asks under one Idempotency-Key until it is answered; how often that was, or undefined when it never was. */
async function persist(
  load: LedgerLoad,
  client: LedgerClient,
  child: LedgerProcess,
  count: number,
): Promise<number | undefined> {
  const until = Date.now() + patienceMs;
  for (let attempt = 1; Date.now() < until && !child.hasEnded; attempt += 1) {
    try {
      await load.append(client, `work-${count}`, count, sizes);
      return attempt;
    } catch {
      await pause(20);
    }
  }
  return undefined;
}

async function checkAfter(load: LedgerLoad): Promise<void> {
  await using child = load.start();
  const client = load.clientOf(await child.ready);
  await load.append(client, 'after', 4);
  await load.check(client);
  await load.checkAll(client);
}

async function orStuck<T>(promise: Promise<T>): Promise<T | 'stuck'> {
  const over = new AbortController();
  const late = pause(patienceMs, 'stuck' as const, { signal: over.signal }).catch(() => 'stuck' as const);
  return await Promise.race([promise, late]).finally(() => over.abort());
}

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cpuSecondsOf, type Round } from '../measure.ts';
import { RawClient } from './raw-client.ts';
import type { PreparedRequest } from './request.ts';

const run = promisify(execFile);
const script = fileURLToPath(new URL('template.lua', import.meta.url));

export interface Load {
  readonly url: string;
  /** The process whose processor time counts. */
  readonly pid: number;
  readonly request: PreparedRequest;
  readonly callers: number;
  readonly seconds: number;
}

interface WrkReport {
  readonly requests: number;
  readonly microseconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly refused: number;
  readonly broken: number;
}

let hasWrk: Promise<boolean> | undefined;

/** What makes the load: wrk where it is installed, which takes less of the processor, else a client of our own. */
export async function loadTool(): Promise<'wrk' | 'own client'> {
  hasWrk ??= run('sh', ['-c', 'command -v wrk']).then(
    () => true,
    () => false,
  );
  return (await hasWrk) ? 'wrk' : 'own client';
}

/** A number no run before has begun with, so that no entry comes twice. */
const freshNumber = (): number => Math.floor(Date.now() / 10) % 1e8;

/** `callers` connections, each asking again as soon as it is answered. Throws when any request fails: no such figure counts. */
export async function runClosedLoop(load: Load): Promise<Round> {
  const before = cpuSecondsOf(load.pid);
  const report = (await loadTool()) === 'wrk' ? await runWrk(load) : await runOwn(load);
  const cpuSeconds = cpuSecondsOf(load.pid) - before;
  if (report.refused + report.broken > 0 || report.requests === 0) {
    throw new Error(
      `${load.url}: of ${report.requests} requests ${report.refused} were refused, ${report.broken} broke`,
    );
  }
  return {
    operations: report.requests,
    seconds: report.microseconds / 1e6,
    cpuSeconds,
    p50Ms: report.p50Us / 1000,
    p99Ms: report.p99Us / 1000,
  };
}

async function runWrk({ url, request, callers, seconds }: Load): Promise<WrkReport> {
  const folder = await mkdtemp(join(tmpdir(), 'lucid-bench-wrk-'));
  try {
    const file = join(folder, 'request');
    await writeFile(file, request.bytes);
    const numbers = [request.firstNumber, request.stride, request.numberCount, freshNumber()].map(String);
    const flags = ['-t1', `-c${callers}`, `-d${seconds}s`, '-s', script, url, '--', file, ...numbers];
    const { stdout } = await run('wrk', flags);
    const line = stdout.split('\n').find((text) => text.startsWith('{'));
    if (line === undefined) throw new Error(`wrk said nothing of its run:\n${stdout}`);
    return JSON.parse(line) as WrkReport;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function runOwn({ url, request, callers, seconds }: Load): Promise<WrkReport> {
  await using client = await RawClient.connect(url, request, callers);
  const startedAt = performance.now();
  await client.runClosedLoop(seconds);
  const { admittedMs, refused, broken } = client.take();
  const sorted = Float64Array.from(admittedMs).toSorted();
  const at = (share: number): number => (sorted[Math.floor(sorted.length * share)] ?? 0) * 1000;
  return {
    requests: admittedMs.length + refused,
    microseconds: (performance.now() - startedAt) * 1000,
    p50Us: at(0.5),
    p99Us: at(0.99),
    refused,
    broken,
  };
}

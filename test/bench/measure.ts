import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What one round of load gave. */
export interface Round {
  readonly operations: number;
  readonly seconds: number;
  /** Processor time of the process under load, s. */
  readonly cpuSeconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Processor time of a process and its threads, s. Ticks are 10 ms; the scheduler’s own figure is in nanoseconds. */
export function cpuSecondsOf(pid: number): number {
  let nanoseconds = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
    } catch {
      // The thread ended between the listing and the reading.
    }
  }
  return nanoseconds / 1e9;
}

/** Memory of a process that only it can give back, MiB: mapped files, which the kernel drops at need, do not count. */
export function memoryMibOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/RssAnon:\s+([0-9]+) kB/.exec(status)?.[1]) / 1024;
}

/** Runs `work` from `callers` callers until `operations` of them are done. */
export async function runLoad(
  pid: number,
  callers: number,
  operations: number,
  work: (operation: number) => Promise<void>,
): Promise<Round> {
  const latencies: number[] = [];
  let next = 0;
  const cpuBefore = cpuSecondsOf(pid);
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (next < operations) {
        const operation = next++;
        const begun = performance.now();
        await work(operation);
        latencies.push(performance.now() - begun);
      }
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  return { operations, seconds, cpuSeconds: cpuSecondsOf(pid) - cpuBefore, p50Ms: at(0.5), p99Ms: at(0.99) };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** A server under load in a process of its own; it prints one JSON line with what the caller needs. */
export interface Server<T> extends AsyncDisposable {
  readonly pid: number;
  readonly facts: T;
}

/** Starts `test/bench/<script>` and waits for its line. */
export async function startServer<T>(script: string, args: readonly string[] = []): Promise<Server<T>> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, ['--conditions=source', path, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const facts = JSON.parse(await firstLine(child, script)) as T;
  return {
    pid: child.pid ?? 0,
    facts,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGTERM');
      await closed;
    },
  };
}

async function firstLine(child: ChildProcess, script: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  child.once('exit', (code) => reject(new Error(`${script} ended with exit code ${code} before it was ready`)));
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).once('line', resolve);
  return await promise;
}

import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Round } from '../measure.ts';
import { benchScratch } from './ledger-server.ts';
import { entryBytes } from './request.ts';

const run = promisify(execFile);
const versions = '/usr/lib/postgresql';

export interface Postgres extends AsyncDisposable {
  readonly version: string;
  /** One row a transaction. */
  readonly insertSingles: (connections: number, seconds: number) => Promise<Round>;
  /** `rows` rows a statement and transaction. */
  readonly insertBatches: (connections: number, seconds: number, rows: number) => Promise<Round>;
}

/** The folder of Debian's programs. Throws where they are not installed, with the words that install them. */
function programsFolder(): string {
  const [newest] = existsSync(versions) ? readdirSync(versions).toSorted((a, b) => Number(b) - Number(a)) : [];
  const folder = join(versions, newest ?? '', 'bin');
  if (newest === undefined || !existsSync(join(folder, 'pgbench'))) {
    throw new Error('PostgreSQL, the peer of the append benches, is not installed: apt-get install postgresql');
  }
  return folder;
}

interface Load {
  readonly count: number;
  readonly averageMs: number;
  /** Without the time of connecting. */
  readonly perSecond: number;
  readonly cpuSeconds: number;
}

type User = { readonly uid?: number; readonly gid?: number };

/** PostgreSQL refuses to run as root; Debian's package brings a user for it. */
async function unprivileged(): Promise<User> {
  if (process.getuid?.() !== 0) return {};
  const { stdout } = await run('id', ['-u', 'postgres']);
  const { stdout: group } = await run('id', ['-g', 'postgres']);
  return { uid: Number(stdout), gid: Number(group) };
}

/** A server of its own in a temporary folder, reached by a socket there; every commit waits for the disk. */
export async function startPostgres(): Promise<Postgres> {
  const programs = programsFolder();
  const user = await unprivileged();
  await using stack = new AsyncDisposableStack();
  const scratch = stack.use(await benchScratch());
  for (const path of [scratch.path]) {
    await chmod(path, 0o755);
    if (user.uid !== undefined && user.gid !== undefined) await chown(path, user.uid, user.gid);
  }
  const data = join(scratch.path, 'data');
  // Paths of sockets are short.
  const sockets = await mkdtemp('/tmp/lucid-pg-');
  stack.defer(() => rm(sockets, { recursive: true, force: true }));
  if (user.uid !== undefined && user.gid !== undefined) await chown(sockets, user.uid, user.gid);
  const asUser = { ...user, cwd: scratch.path };
  await run(join(programs, 'initdb'), ['-D', data, '-U', 'bench', '-A', 'trust', '--no-sync'], asUser);
  const settings = ['listen_addresses=', 'synchronous_commit=on', 'max_connections=100', 'autovacuum=off'];
  const flags = ['-D', data, '-k', sockets, ...settings.flatMap((setting) => ['-c', setting])];
  const child = spawn(join(programs, 'postgres'), flags, { ...asUser, stdio: 'ignore' });
  stack.defer(async () => {
    if (child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGINT');
    await ended;
  });
  const reach = ['-h', sockets, '-U', 'bench'];
  await waitUntilReady(() => run(join(programs, 'pg_isready'), reach), child);
  const table = 'create table entries (leaf_index bigserial primary key, entry bytea not null)';
  await run(join(programs, 'psql'), [...reach, '-d', 'postgres', '-c', table]);
  const { stdout: version } = await run(join(programs, 'postgres'), ['--version']);
  const bench = async (statement: string, connections: number, seconds: number): Promise<Round> => {
    const file = join(scratch.path, 'statement.sql');
    await writeFile(file, statement);
    const pid = child.pid ?? 0;
    const load = async (extent: readonly string[]): Promise<Load> => {
      const before = treeCpuSeconds(pid);
      const processes = statsUnder(pid).length;
      const flags = ['-n', '-M', 'simple', '-c', String(connections), '-j', '1', ...extent, '-f', file];
      const { stdout } = await run(join(programs, 'pgbench'), [...reach, ...flags, 'postgres']);
      await untilProcesses(pid, processes);
      return { ...readPgbench(stdout), cpuSeconds: treeCpuSeconds(pid) - before };
    };
    // A connection is a process: what starting and ending them takes is not the inserts'.
    const connecting = await load(['-t', '1']);
    const all = await load(['-T', String(seconds + 1)]);
    return {
      operations: all.count,
      seconds: all.count / all.perSecond,
      cpuSeconds: all.cpuSeconds - connecting.cpuSeconds,
      p50Ms: all.averageMs,
      p99Ms: Number.NaN,
    };
  };
  const hex = (): string => randomBytes(entryBytes).toString('hex');
  const owned = stack.move();
  return {
    version: /PostgreSQL\) ([0-9.]+)/.exec(version)?.[1]
      ? `PostgreSQL ${/\) ([0-9.]+)/.exec(version)?.[1]}`
      : 'PostgreSQL',
    insertSingles: (connections, seconds) =>
      bench(`insert into entries (entry) values ('\\x${hex()}') returning leaf_index;`, connections, seconds),
    insertBatches: (connections, seconds, rows) => {
      const values = Array.from({ length: rows }, () => `('\\x${hex()}')`).join(',');
      return bench(`insert into entries (entry) values ${values};`, connections, seconds);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function waitUntilReady(ask: () => Promise<unknown>, child: { exitCode: number | null }): Promise<void> {
  for (;;) {
    try {
      await ask();
      return;
    } catch (cause) {
      if (child.exitCode !== null) throw new Error('PostgreSQL ended before it was ready', { cause });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** The fields of a process after its name. */
function statOf(pid: number | string): string[] {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
}

/** The same of those directly under it. */
function statsUnder(pid: number): string[][] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((id) => {
      try {
        const stat = statOf(id);
        return Number(stat[1]) === pid ? [stat] : [];
      } catch {
        return []; // It ended between the listing and the reading.
      }
    });
}

/** Of the server and every process under it, those that have ended and were waited for too. */
function treeCpuSeconds(pid: number): number {
  // utime and stime are fields 11 and 12, those of children that were waited for 13 and 14.
  const ticks = [...statOf(pid).slice(11, 15), ...statsUnder(pid).flatMap((stat) => stat.slice(11, 13))];
  const ticksPerSecond = 100;
  return ticks.reduce((sum, count) => sum + Number(count), 0) / ticksPerSecond;
}

/** The processes of connections end a moment after these, and count only once the server has waited for them. */
async function untilProcesses(pid: number, count: number): Promise<void> {
  while (statsUnder(pid).length > count) await new Promise((resolve) => setTimeout(resolve, 10));
}

function readPgbench(output: string): Omit<Load, 'cpuSeconds'> {
  const number = (pattern: RegExp): number => Number(pattern.exec(output)?.[1] ?? 0);
  const count = number(/number of transactions actually processed: ([0-9]+)/);
  if (count === 0) throw new Error(`pgbench did nothing:\n${output}`);
  return { count, averageMs: number(/latency average = ([0-9.]+) ms/), perSecond: number(/tps = ([0-9.]+)/) };
}

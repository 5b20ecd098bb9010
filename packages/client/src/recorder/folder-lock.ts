import { open, readdir, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { AppError } from '@lucid/common/errors';

/** A process, told apart from every other one that ever had its number. */
interface Holder {
  readonly pid: number;
  /** When it started: clock ticks since boot; where there is no /proc, milliseconds since 1970. */
  readonly startTime: string;
  /** Of the running kernel; `none` where it has no name. */
  readonly bootId: string;
  readonly host: string;
}

const LOCK_NAME = /^lock_([0-9]+)_([0-9]+)_([0-9a-z-]+)_(.+)$/u;

/**
 * Holds a folder for one process at a time. Who holds it is the lock file's name, so a lock is never half written.
 * Each process creates a file of its own and only then looks for others: of two at once, the later sees the earlier,
 * and nobody removes the file of a process that lives. So two never hold it; two that come in one instant may both
 * be refused. A process that died has lost its lock to the next one.
 */
export class FolderLock implements AsyncDisposable {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** AppError JOURNAL_LOCKED while a process that lives, or one on another machine, holds the folder. */
  static async acquire(folder: string): Promise<FolderLock> {
    const own = nameOf(await describeSelf());
    const path = join(folder, own);
    await createEmpty(path).catch((error: unknown) => {
      throw isCode(error, 'EEXIST') ? lockedError(folder, own) : error;
    });
    try {
      for (const name of await readdir(folder)) if (name !== own) await clear(folder, name);
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
    return new FolderLock(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

/** Removes the lock of a dead process; throws for a living one's. Other files are none of its business. */
async function clear(folder: string, name: string): Promise<void> {
  const holder = parseName(name);
  if (holder === undefined) return;
  if (await isAlive(holder)) throw lockedError(folder, name);
  await rm(join(folder, name), { force: true });
}

function lockedError(folder: string, name: string): AppError {
  const { pid, host } = parseName(name) ?? { pid: 0, host: '' };
  const detail =
    `${folder} is in use by another recorder, process ${pid} on ${host}. Wait for it, or stop it; ` +
    `if it runs no more, delete ${join(folder, name)}.`;
  return new AppError('JOURNAL_LOCKED', detail, { status: 409, data: { folder, pid, host } });
}

async function createEmpty(path: string): Promise<void> {
  await (await open(path, 'wx', 0o600)).close();
}

function nameOf({ pid, startTime, bootId, host }: Holder): string {
  return `lock_${pid}_${startTime}_${bootId}_${host}`;
}

function parseName(name: string): Holder | undefined {
  const [, pid, startTime = '', bootId = '', host = ''] = LOCK_NAME.exec(name) ?? [];
  return pid === undefined ? undefined : { pid: Number(pid), startTime, bootId, host };
}

async function describeSelf(): Promise<Holder> {
  const startTime = (await readStartTime(process.pid)) ?? String(Math.round(performance.timeOrigin));
  return { pid: process.pid, startTime, bootId: await readBootId(), host: ownHost() };
}

/** The host's name as a file's name can hold it. */
function ownHost(): string {
  return hostname().replaceAll(/[^A-Za-z0-9.-]/gu, '-') || 'unnamed';
}

/** Whether the process still runs; one on another machine is taken to, because nobody can tell from here. */
async function isAlive({ pid, startTime, bootId, host }: Holder): Promise<boolean> {
  if (host !== ownHost()) return true;
  const ownBootId = await readBootId();
  if (ownBootId !== bootId) return false;
  if (ownBootId !== 'none') return (await readStartTime(pid)) === startTime;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return isCode(error, 'EPERM');
  }
}

async function readBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => 'none')).trim();
}

/** Field 22 of /proc/PID/stat; undefined where there is no such process, or nothing of it but its exit code. */
async function readStartTime(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field is the command's name in parentheses, and may hold anything; then the state is the third.
  const [state = 'Z', ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return stat === '' || state === 'Z' || state === 'X' ? undefined : fields[18];
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

import { readdirSync, statSync } from 'node:fs';
import { link, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDurableFolder, syncFolder } from './durable-folder.ts';

/** A change later than this after another one shows in the folder's time of change; a tick of the kernel is 10 ms. */
const tickMs = 50;
/** As `tickMs`, on a file system that keeps times in whole or even seconds. */
const coarseTickMs = 3000;

const current = 'CURRENT';
const draftPrefix = 'draft-';

/**
 * The folder of a LevelDB store, whose names LevelDB does not all make durable: it syncs the bytes of a log, not the
 * folder that says there is one. A power cut could so take a whole log with everything acknowledged in it, or the
 * rename of CURRENT. Opened, and after each synced write, the folder is therefore synced when it has a log it had not
 * the last time. That costs one stat of the folder a write: a log is begun once per filled write buffer.
 */
export class LevelFolder {
  readonly #path: string;
  #changedAt = Number.NaN;
  #log = '';

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * Makes the folder, for its owner alone, with its name and its parents' durable; takes one that is there. Where it
   * holds no database yet, `make` makes an empty one in the folder it is given, and closes it.
   */
  static async create(path: string, make: (draft: string) => Promise<void>): Promise<LevelFolder> {
    await makeDurableFolder(path);
    const folder = new LevelFolder(path);
    const names = readdirSync(path);
    if (!names.includes(current)) {
      refuseHeadless(path, names);
      await folder.#begin(make);
    }
    for (const log of names.filter(isLog)) await requireReadable(join(path, log));
    return folder;
  }

  /**
   * LevelDB names the first manifest in CURRENT before its bytes are durable: a power cut then leaves a store that
   * can never be opened, with nothing in it. So a database is made whole beside, and named when it is durable.
   */
  async #begin(make: (draft: string) => Promise<void>): Promise<void> {
    const draft = await mkdtemp(join(this.#path, draftPrefix));
    try {
      await make(draft);
      const manifest = (await readFile(join(draft, current), 'utf8')).trimEnd();
      for (const name of [manifest, current]) {
        await linkOnce(join(draft, name), join(this.#path, name));
        await syncFolder(this.#path);
      }
    } finally {
      await rm(draft, { recursive: true });
    }
  }

  /** To be called when the database has opened: what it renamed and made is durable when this resolves. */
  async syncOpened(): Promise<void> {
    const names = readdirSync(this.#path);
    for (const draft of names.filter((name) => name.startsWith(draftPrefix))) {
      await rm(join(this.#path, draft), { recursive: true, force: true });
    }
    this.#log = newestLog(names);
    await syncFolder(this.#path);
  }

  /** To be awaited, if there is anything to await, after a synced write and before anybody is told of it. */
  syncWritten(): Promise<void> | undefined {
    const { mtimeMs } = statSync(this.#path);
    if (mtimeMs === this.#changedAt) return undefined;
    // Only a time that no later change can have again is taken for seen.
    const isOver = Date.now() - mtimeMs > (mtimeMs % 1000 === 0 ? coarseTickMs : tickMs);
    const log = newestLog(readdirSync(this.#path));
    this.#changedAt = isOver ? mtimeMs : Number.NaN;
    if (log === this.#log) return undefined;
    this.#log = log;
    return syncFolder(this.#path);
  }
}

/** Where CURRENT is lost LevelDB would begin a new database, and clear away the files of the old one. */
function refuseHeadless(path: string, names: readonly string[]): void {
  const old = names.find((name) => /\.(ldb|sst)$/.test(name) || (isLog(name) && statSync(join(path, name)).size > 0));
  if (old !== undefined) throw new Error(`${path} has ${old} and no ${current}: a database that has lost its head`);
}

function isLog(name: string): boolean {
  return /^\d+\.log$/.test(name);
}

/**
 * A log that LevelDB cannot open or read, it passes over and then removes, with everything in it. So it is read here
 * first, and a file of another owner or on a bad sector stops the opening instead. Throws the system's error.
 */
async function requireReadable(path: string): Promise<void> {
  const log = await open(path, 'r').catch((error: unknown) => {
    // A store that is open in another thread has ended this one meanwhile.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!log) return;
  try {
    const part = Buffer.allocUnsafe(1024 * 1024);
    while ((await log.read(part)).bytesRead > 0);
  } finally {
    await log.close();
  }
}

/** The log that is being written: logs are numbered upwards, in six digits or more. */
function newestLog(names: readonly string[]): string {
  return names
    .filter(isLog)
    .reduce((newest, name) => (Number.parseInt(name, 10) > Number.parseInt(newest, 10) ? name : newest), '0');
}

/** A name that is there already is of the same bytes; where there are no links, LevelDB makes its own files. */
async function linkOnce(from: string, to: string): Promise<void> {
  await link(from, to).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'EEXIST' && code !== 'EPERM' && code !== 'ENOTSUP') throw error;
  });
}

import { open, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError, isAppError } from '@lucid/common/errors';
import { equalBytes } from '@lucid/common/formats/bytes';
import { parseTilePath, tileWidth } from '@lucid/common/formats/tiles';
import { createFolderDurably, syncFolder, writeDurably } from '../recorder/durable-file.ts';
import { FolderLock } from '../recorder/folder-lock.ts';
import { createFolderSource } from './folder-source.ts';
import { logError } from './log-errors.ts';
import { encodeLogProgress, type LogProgress, parseLogProgress } from './log-progress.ts';
import type { LogSource } from './log-source.ts';

export interface BackupFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Beside the log's own files; says how far a backup is that has not come to its checkpoint yet. */
const progressName = '.lucid-progress.json';
const checkpointName = 'checkpoint';
const writesAtOnce = 16;

/**
 * A folder that keeps a log in the static layout of https://c2sp.org/tlog-tiles: any reader of tiles can use it.
 *
 * What holds at every instant, power cuts included: the files that `checkpoint` promises are there, whole and as they
 * were verified. A file gets its name only after its bytes are on the disk; `checkpoint` is replaced last; what an older
 * checkpoint promised is removed only after that; a file once promised is never replaced by another content.
 */
export class BackupFolder implements AsyncDisposable {
  readonly path: string;
  readonly source: LogSource;
  readonly #lock: FolderLock;
  readonly #known = new Set<string>();

  private constructor(path: string, lock: FolderLock) {
    this.path = path;
    this.source = createFolderSource(path);
    this.#lock = lock;
  }

  /** Opens a folder for writing, made where there is none. Throws BACKUP_LOCKED while another process has it. */
  static async open(path: string): Promise<BackupFolder> {
    await createFolderDurably(path);
    try {
      return new BackupFolder(path, await FolderLock.acquire(path));
    } catch (cause) {
      if (!isAppError(cause, 'JOURNAL_LOCKED')) throw cause;
      const detail = `${path} is being written by another process, ${String(cause.data['pid'])}. Wait for it, or stop it.`;
      throw new AppError('BACKUP_LOCKED', detail, { status: 409, cause });
    }
  }

  /** The note of the last whole backup; undefined before the first. */
  findCheckpoint(): Promise<string | undefined> {
    return readText(join(this.path, checkpointName));
  }

  /** Where a run stopped; undefined where none did, or where the file is damaged: then all is read again. */
  async findProgress(): Promise<LogProgress | undefined> {
    const text = await readText(join(this.path, progressName));
    try {
      return text === undefined ? undefined : parseLogProgress(Buffer.from(text, 'utf8'));
    } catch (error) {
      if (isAppError(error, 'LOG_STATE_DAMAGED')) return undefined;
      throw error;
    }
  }

  /**
   * Makes files durable, and then how far they go. Those that a checkpoint of `keptSize` entries promises are never
   * replaced: BACKUP_FILE_DIFFERS says that one is damaged, or that the log has changed its past.
   */
  async write(files: readonly BackupFile[], keptSize: number, progress: LogProgress | undefined): Promise<void> {
    const changed = new Set<string>();
    for (let first = 0; first < files.length; first += writesAtOnce) {
      const group = files.slice(first, first + writesAtOnce);
      // All of them have ended before a failure is told: nothing is written once the folder is given up.
      for (const written of await Promise.allSettled(group.map((file) => this.#writeFile(file, keptSize)))) {
        if (written.status === 'rejected') throw written.reason;
        if (written.value !== undefined) changed.add(written.value);
      }
    }
    for (const folder of changed) await syncFolder(folder);
    if (progress) await writeDurably(join(this.path, progressName), encodeLogProgress(progress));
  }

  async #writeFile({ path, bytes }: BackupFile, keptSize: number): Promise<string | undefined> {
    const target = join(this.path, path);
    const there = await readFile(target).catch(absent);
    if (there && equalBytes(there, bytes)) return undefined;
    const { level, index, width } = parseTilePath(path);
    if (there && width <= tileWidth(level, index, keptSize)) {
      const detail = `${target} is not what the log has now: it is damaged (mend it: --mend), or the log changed its past.`;
      throw logError('BACKUP_FILE_DIFFERS', detail, { data: { path } });
    }
    return await this.#put(target, bytes);
  }

  /** Replaces a damaged file by one that was verified. */
  async replace({ path, bytes }: BackupFile): Promise<void> {
    await syncFolder(await this.#put(join(this.path, path), bytes));
  }

  async #put(target: string, bytes: Uint8Array): Promise<string> {
    const folder = dirname(target);
    if (!this.#known.has(folder)) await createFolderDurably(folder);
    this.#known.add(folder);
    const temporary = `${target}.part`;
    {
      await using file = await open(temporary, 'w', 0o600);
      await file.writeFile(bytes);
      await file.sync();
    }
    await rename(temporary, target);
    return folder;
  }

  /** Everything the note promises is durable: from now on it is the backup. */
  async keepCheckpoint(note: string): Promise<void> {
    await writeDurably(join(this.path, checkpointName), note);
  }

  /** Removes what only an older checkpoint promised. */
  async remove(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      const target = join(this.path, path);
      await rm(target, { force: true });
      // The last width of a tile leaves an empty folder `NNN.p`.
      await rmdir(dirname(target)).catch(() => undefined);
      this.#known.delete(dirname(target));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lock[Symbol.asyncDispose]();
  }
}

async function readText(path: string): Promise<string | undefined> {
  return (await readFile(path).catch(absent))?.toString('utf8');
}

function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return;
  throw error;
}

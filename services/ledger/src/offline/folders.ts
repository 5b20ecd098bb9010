import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Where one log of a ledger is on the disk: as LEDGER_DATA_DIR and LEDGER_PUBLISHED_DIR say. */
export type LogFolders = {
  readonly dataDir: string;
  /** `published` in the data folder unless given. */
  readonly publishedDir?: string;
  readonly logName: string;
};

export function storePath({ dataDir, logName }: LogFolders): string {
  return join(dataDir, logName);
}

export function publishedPath({ dataDir, publishedDir = join(dataDir, 'published'), logName }: LogFolders): string {
  return join(publishedDir, `${logName}.checkpoint`);
}

export async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    (error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

/**
 * What is in the folder of a database. One that has lost its CURRENT must not be opened: LevelDB would begin a new one
 * there, and clear the files of the old one away.
 */
export async function databaseIn(path: string): Promise<'whole' | 'headless' | 'none'> {
  if (!(await exists(path))) return 'none';
  const names = await readdir(path);
  if (names.includes('CURRENT')) return 'whole';
  return names.some((name) => /^\d+\.(ldb|sst|log)$/u.test(name)) ? 'headless' : 'none';
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

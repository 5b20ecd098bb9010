import { open, stat } from 'node:fs/promises';
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

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

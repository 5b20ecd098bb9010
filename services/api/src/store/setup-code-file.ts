import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The file in which the operator finds the code that makes the first admin; for its owner's eyes only (0600). */
export interface SetupCodeFile {
  read(): Promise<string | undefined>;
  /** Whole and on the disk when it resolves. */
  write(code: string): Promise<void>;
  remove(): Promise<void>;
}

export function setupCodeFile(path: string): SetupCodeFile {
  return {
    read: async () => {
      try {
        return (await readFile(path, 'utf8')).trim();
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
        throw error;
      }
    },
    write: async (code) => {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const temporary = join(dirname(path), `.${randomBytes(8).toString('hex')}.tmp`);
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(`${code}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    },
    remove: () => rm(path, { force: true }),
  };
}

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '@lucid/common/errors';
import { logError } from './log-errors.ts';
import { fileTooLarge, type LogSource, missingFile } from './log-source.ts';

/**
 * A log in a folder of static files, such as a backup. Node only. A file is read on the calling thread: they are small,
 * and handing each to a thread pool costs several times the reading.
 */
export function createFolderSource(folder: string): LogSource {
  return { name: folder, readFile: async (path, sizeMax) => readWhole(folder, path, sizeMax) };
}

function readWhole(folder: string, path: string, sizeMax: number): Uint8Array {
  let file: number | undefined;
  try {
    // A pipe in a file's place must not be waited for.
    file = openSync(join(folder, path), constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const found = fstatSync(file);
    if (!found.isFile()) throw logError('LOG_FILE_UNREADABLE', `${join(folder, path)} is no file.`);
    const { size } = found;
    if (size > sizeMax) throw fileTooLarge(path, sizeMax);
    const bytes = new Uint8Array(size);
    let offset = 0;
    for (let count = 1; offset < size && count > 0; offset += count)
      count = readSync(file, bytes, offset, size - offset, null);
    return bytes.subarray(0, offset);
  } catch (error) {
    if (error instanceof AppError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    if (code === 'ENOENT' || code === 'ENOTDIR') throw missingFile(path, folder, error);
    throw logError('LOG_FILE_UNREADABLE', `${join(folder, path)} cannot be read (${code}).`, { cause: error });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

import { execFile } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where conformance data nobody here wrote is kept; it has its own licences and is not part of this repository. */
const dataFolder =
  process.env['LUCID_CONFORMANCE_DATA'] ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));

/** An archive unpacked into a folder of its own, gone at the end. */
export interface ExternalData extends AsyncDisposable {
  readonly list: (pattern: string) => string[];
  readonly read: (path: string) => Promise<Buffer>;
}

/**
 * Unpacks `archive` (a tar.xz under the data folder). Without it: an error where CI=true, because a suite that
 * silently checks nothing is worse than none; elsewhere undefined, for the test to skip with `missingNote`.
 */
export async function openExternalData(archive: string): Promise<ExternalData | undefined> {
  const path = join(dataFolder, archive);
  if (!existsSync(path)) {
    if (process.env['CI'] === 'true') throw new Error(missingNote(archive));
    return undefined;
  }
  const folder = await mkdtemp(join(tmpdir(), 'lucid-conformance-'));
  await run('tar', ['-xJf', path, '-C', folder]);
  return {
    list: (pattern) => globSync(pattern, { cwd: folder }).toSorted(),
    read: (file) => readFile(join(folder, file)),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

export function missingNote(archive: string): string {
  return `${archive} is not under ${dataFolder}; LUCID_CONFORMANCE_DATA names the folder of the conformance data`;
}

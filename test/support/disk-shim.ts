import { createHash } from 'node:crypto';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './run-command.ts';

const source = fileURLToPath(new URL('disk-shim.c', import.meta.url));
const folder = fileURLToPath(new URL('../../.cache/disk-shim', import.meta.url));

let built: Promise<string> | undefined;

/** Compiles the shim once for each version of its source; answers the library's path. Throws CommandFailed. */
function buildDiskShim(): Promise<string> {
  return (built ??= build());
}

async function build(): Promise<string> {
  const name = createHash('sha256')
    .update(await readFile(source))
    .digest('hex')
    .slice(0, 16);
  const library = join(folder, `${name}-${process.arch}.so`);
  const unfinished = `${library}.${process.pid}`;
  await mkdir(folder, { recursive: true });
  await run(['gcc', '-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-o', unfinished, source, '-ldl']);
  await rename(unfinished, library);
  return library;
}

export type DiskShimOptions = {
  /** Milliseconds added to each fsync and fdatasync. */
  readonly delayMs?: number;
  /** Writes down what is asked of the files under `root`; `graves` is a folder of the same file system. */
  readonly record?: { readonly root: string; readonly journal: string; readonly graves: string };
};

/** The variables that put a program, started with them, behind the shim (`disk-shim.c`). */
export async function diskShimEnvironment({ delayMs, record }: DiskShimOptions): Promise<Record<string, string>> {
  const recording = record && {
    DISK_SHIM_ROOT: record.root,
    DISK_SHIM_JOURNAL: record.journal,
    DISK_SHIM_GRAVES: record.graves,
  };
  return {
    LD_PRELOAD: await buildDiskShim(),
    ...(delayMs === undefined ? {} : { DISK_SHIM_DELAY_MS: String(delayMs) }),
    ...recording,
  };
}

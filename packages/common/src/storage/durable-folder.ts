import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes the names in a folder durable: fsync of the folder itself. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Makes a folder, for its owner alone, with its own name and those of the parents it had to make durable: without that
 * a power cut takes it away with everything in it, however well that was synced. Takes one that is there.
 */
export async function makeDurableFolder(path: string): Promise<void> {
  const first = (await mkdir(path, { recursive: true, mode: 0o700 })) ?? path;
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { AppError } from '@lucid/common/errors';

const run = promisify(execFile);

/**
 * This repository's history as one archive: the tree of every commit, newest first, as tar files one after the other,
 * up to `bytesMax`. It is as real as data gets, and everybody who runs this has it.
 * @throws HISTORY_MISSING outside a git checkout
 */
export async function* readHistory(folder: string, bytesMax: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for (const commit of await listCommits(folder)) {
    const archive = spawn('git', ['-C', folder, 'archive', '--format=tar', commit], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const part of archive.stdout as AsyncIterable<Buffer>) {
      yield part;
      bytes += part.length;
      if (bytes >= bytesMax) {
        archive.kill();
        return;
      }
    }
  }
}

async function listCommits(folder: string): Promise<string[]> {
  try {
    const { stdout } = await run('git', ['-C', folder, 'rev-list', 'HEAD']);
    return stdout.trim().split('\n');
  } catch (cause) {
    throw new AppError(
      'HISTORY_MISSING',
      'The demo records the history of this git checkout, and there is none here.',
      {
        cause,
      },
    );
  }
}

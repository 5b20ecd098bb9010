import type { TlogPolicy } from '@lucid/common/formats/policy';
import { encodeTilePath, parseTilePath } from '@lucid/common/formats/tiles';
import type { BackupFolder } from './backup-folder.ts';
import { logError } from './log-errors.ts';
import type { LogSource } from './log-source.ts';
import { verifyLog } from './verify-log.ts';

export interface MendBackupOptions {
  readonly folder: BackupFolder;
  /** Another copy of the log, trusted no more than the damaged one. */
  readonly source: LogSource;
  readonly policy: TlogPolicy;
  readonly signal?: AbortSignal;
}

/** Files of one run, at most: they are held in memory until all of them together are known to be right. */
const filesMax = 1000;

/**
 * Replaces the damaged files of a backup by those of another copy, once the backup's own checkpoint says that with them
 * everything holds; until then nothing is written. Answers their paths. Throws BACKUP_NOT_MENDED with the problems as
 * `data` when the other copy does not help.
 */
export async function mendBackup({ folder, source, policy, signal }: MendBackupOptions): Promise<string[]> {
  const taken = new Map<string, Promise<Uint8Array>>();
  const wanted = new Set<string>();
  const overlay: LogSource = {
    name: folder.path,
    readFile: (path, sizeMax) => {
      if (!wanted.has(path)) return folder.source.readFile(path, sizeMax);
      const bytes = taken.get(path) ?? source.readFile(path, sizeMax, signal);
      taken.set(path, bytes);
      return bytes;
    },
  };
  let checkpoint: string | undefined;
  for (;;) {
    const known = wanted.size;
    const { ok, problems } = await verifyLog({
      source: overlay,
      policy,
      problemsMax: filesMax,
      ...(checkpoint === undefined ? {} : { checkpoint }),
      ...(signal ? { signal } : {}),
    });
    if (ok) break;
    for (const { path } of problems) if (path !== undefined) wanted.add(wanted.has(path) ? siblingOf(path) : path);
    if (wanted.size === known && checkpoint === undefined) {
      // Not a file of the tree but the checkpoint itself: the last one that was good is kept beside it.
      checkpoint = (await folder.findProgress())?.checkpoint;
      if (checkpoint !== undefined) continue;
    }
    if (wanted.size === known || wanted.size > filesMax) {
      const detail = `The damage of ${folder.path} cannot be mended from ${source.name}.`;
      throw logError('BACKUP_NOT_MENDED', detail, { data: { problems } });
    }
  }
  for (const [path, bytes] of taken) await folder.replace({ path, bytes: await bytes });
  if (checkpoint !== undefined) await folder.keepCheckpoint(checkpoint);
  return [...taken.keys(), ...(checkpoint === undefined ? [] : ['checkpoint'])];
}

/** Of a bundle and the tile of its leaf hashes, at the tree's edge, either may be the one that is damaged. */
function siblingOf(path: string): string {
  const tile = parseTilePath(path);
  if (tile.level !== 'entries' && tile.level > 0) return path;
  return encodeTilePath({ ...tile, level: tile.level === 'entries' ? 0 : 'entries' });
}

import { equalBytes } from '@lucid/common/formats/bytes';
import { parseCheckpoint } from '@lucid/common/formats/checkpoint';
import type { TlogPolicy } from '@lucid/common/formats/policy';
import type { BackupFile, BackupFolder } from './backup-folder.ts';
import { forked } from './consistency.ts';
import type { LogCheck } from './log-check.ts';
import { logError } from './log-errors.ts';
import type { LogSource } from './log-source.ts';
import { listPartialPaths } from './log-steps.ts';
import { openLogCheck } from './verify-log.ts';

export interface BackupLogOptions {
  readonly source: LogSource;
  readonly folder: BackupFolder;
  readonly policy: TlogPolicy;
  /** The checkpoint to come to; the source's newest unless given. */
  readonly checkpoint?: Uint8Array | string;
  readonly concurrency?: number;
  /** So many files, or 4 MiB of them, are gathered before they are synced; 256 unless given. */
  readonly groupFilesMax?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (at: {
    readonly entryCount: number;
    readonly treeSize: number;
    readonly byteCount: number;
  }) => void;
}

export interface LogBackup {
  readonly origin: string;
  readonly treeSize: number;
  /** Of the backup before; 0 for the first. */
  readonly earlierSize: number;
  /** Where this run began: at the end of the backup before, or where a run was stopped. */
  readonly resumedAt: number;
  readonly fileCount: number;
  readonly byteCount: number;
}

/** What is gathered before it is synced: more would be more to do again after a crash. */
const groupBytesMax = 4 << 20;

/**
 * Brings a backup to the log's newest checkpoint: reads what is new, verifies it as `verifyLog` does, and keeps it.
 * Stopped at any instant, the next run goes on. Nothing that does not hold is kept as a backup: throws the first
 * problem's code with the problems as `data`, LOG_TREE_OLDER, LOG_FORKED, LOG_ORIGIN_OTHER, BACKUP_FILE_DIFFERS, what a
 * checkpoint is refused with, and the disk's errors.
 */
export async function backupLog(options: BackupLogOptions): Promise<LogBackup> {
  const { folder } = options;
  const kept = await folder.findCheckpoint();
  const progress = await folder.findProgress();
  const earlier = kept === undefined ? [] : [kept];
  const check = await openLogCheck({ ...options, earlier, ...(progress ? { progress } : {}) });
  const keptTree = kept === undefined ? undefined : parseCheckpoint(kept);
  const keptSize = keptTree?.treeSize ?? 0;
  const { treeSize, checkpoint } = check;
  if (keptTree?.treeSize === treeSize) {
    if (!equalBytes(keptTree.rootHash, checkpoint.rootHash)) throw forked(keptTree, checkpoint);
  } else {
    await copySteps(check, keptSize, options);
    await folder.keepCheckpoint(check.note);
    const needed = new Set(listPartialPaths(treeSize));
    await folder.remove(listPartialPaths(keptSize).filter((path) => !needed.has(path)));
  }
  return {
    origin: checkpoint.origin,
    treeSize,
    earlierSize: keptSize,
    resumedAt: check.startedAt,
    fileCount: check.fileCount,
    byteCount: check.byteCount,
  };
}

async function copySteps(
  check: LogCheck,
  keptSize: number,
  { folder, onProgress, groupFilesMax = 256 }: BackupLogOptions,
): Promise<void> {
  let group: BackupFile[] = [];
  let groupBytes = 0;
  for await (const { files, problems, isLast } of check.steps()) {
    const [first] = problems;
    if (first) throw logError(first.code, first.detail, { data: { problems } });
    group.push(...files);
    groupBytes += files.reduce((size, { bytes }) => size + bytes.length, 0);
    if (!isLast && groupBytes < groupBytesMax && group.length < groupFilesMax) continue;
    await folder.write(group, keptSize, check.progress());
    onProgress?.(check);
    group = [];
    groupBytes = 0;
  }
}

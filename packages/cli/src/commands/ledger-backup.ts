import { BackupFolder } from '@lucid/client/log/backup-folder';
import { backupLog, type LogBackup } from '@lucid/client/log/backup-log';
import { pollCheckpoints, streamCheckpoints } from '@lucid/client/log/checkpoint-feed';
import { createFolderSource } from '@lucid/client/log/folder-source';
import { followLog } from '@lucid/client/log/follow-log';
import { mendBackup } from '@lucid/client/log/mend-backup';
import { verifyLog } from '@lucid/client/log/verify-log';
import type { TlogPolicy } from '@lucid/common/formats/policy';
import type { Run } from '../command.ts';
import type { CliContext } from '../context.ts';
import { type ExitCode, exitCodes } from '../errors.ts';
import { type EntryBar, showEntries } from '../ledger/entry-bar.ts';
import { type LogLocation, type LogOptions, openLocation, readPolicy } from '../ledger/log-location.ts';
import { formatVerification, verificationResult } from '../ledger/verification.ts';
import { formatBytes, formatCount, formatFields, type Output } from '../output.ts';

interface BackupOptions extends LogOptions {
  readonly from?: string;
  readonly follow?: boolean;
  readonly verify?: boolean;
  readonly mend?: boolean;
  readonly pollSec: number;
  readonly parallel: number;
}

/** Brings a backup to the log's newest checkpoint; with --follow to each one that comes. */
export const run: Run<BackupOptions> = async (context, output, options, folder = '') => {
  const policy = await readPolicy(context, options);
  const signal = context.onInterrupt();
  using bar = await showEntries(context, output);
  if (options.verify) return await verifyBackup({ output, policy, signal, bar, path: folder });
  const location = await openLocation(context, options, options.from, bar.away);
  await using backup = await BackupFolder.open(folder);
  if (options.mend) return await mend(output, backup, location, policy, signal);
  if (options.follow) return await follow({ context, output, options, location, policy, backup, bar, signal });
  const done = await backupLog({
    ...partsOf(location, policy, backup, options),
    signal,
    onProgress: ({ entryCount, treeSize, byteCount }) => bar.update(entryCount, treeSize, byteCount),
  });
  bar[Symbol.dispose]();
  output.result({ ...done, folder }, formatBackup(done, folder));
};

function partsOf({ source }: LogLocation, policy: TlogPolicy, folder: BackupFolder, { parallel }: BackupOptions) {
  return { source, policy, folder, concurrency: parallel };
}

async function verifyBackup({
  output,
  policy,
  signal,
  bar,
  path,
}: {
  readonly output: Output;
  readonly policy: TlogPolicy;
  readonly signal: AbortSignal;
  readonly bar: EntryBar;
  readonly path: string;
}): Promise<ExitCode> {
  const report = await verifyLog({
    source: createFolderSource(path),
    policy,
    signal,
    onProgress: ({ entryCount, treeSize, byteCount }) => bar.update(entryCount, treeSize, byteCount),
  });
  bar[Symbol.dispose]();
  output.result(verificationResult(report), formatVerification(report, path));
  return report.ok ? exitCodes.ok : exitCodes.unproven;
}

async function mend(
  output: Output,
  folder: BackupFolder,
  { source }: LogLocation,
  policy: TlogPolicy,
  signal: AbortSignal,
): Promise<void> {
  const paths = await mendBackup({ folder, source, policy, signal });
  output.result(
    { folder: folder.path, mended: paths },
    paths.length === 0 ? 'Nothing was damaged.' : `Mended:\n${paths.join('\n')}`,
  );
}

async function follow(parts: {
  readonly context: CliContext;
  readonly output: Output;
  readonly options: BackupOptions;
  readonly location: LogLocation;
  readonly policy: TlogPolicy;
  readonly backup: BackupFolder;
  readonly bar: EntryBar;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { context, output, options, location, policy, backup, bar, signal } = parts;
  const { source, http } = location;
  const feedOptions = { pollMs: options.pollSec * 1000, onAway: bar.away };
  const feed = http ? streamCheckpoints(http, feedOptions) : pollCheckpoints(source, feedOptions);
  const earlier = await backup.findCheckpoint();
  for await (const { note } of followLog({
    source,
    feed,
    policy,
    signal,
    ...(earlier === undefined ? {} : { earlier }),
  })) {
    const done = await backupLog({
      ...partsOf(location, policy, backup, options),
      checkpoint: note,
      signal,
      onProgress: ({ entryCount, treeSize, byteCount }) => bar.update(entryCount, treeSize, byteCount),
    });
    context.stdout.write(
      output.isJson ? `${JSON.stringify(done)}\n` : `${new Date().toISOString()}  ${done.treeSize} entries kept\n`,
    );
  }
}

function formatBackup({ origin, treeSize, earlierSize, fileCount, byteCount }: LogBackup, folder: string): string {
  return formatFields([
    ['log', origin],
    ['kept in', folder],
    ['entries', treeSize],
    ['before', earlierSize],
    ['read', `${formatCount(fileCount, 'file')}, ${formatBytes(byteCount)}`],
  ]);
}

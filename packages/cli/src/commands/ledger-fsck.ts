import { openTrustedCheckpoint } from '@lucid/common/formats/policy';
import { checkStore, type StoreReport } from '@lucid/ledger/offline/check-store';
import type { Run } from '../command.ts';
import { exitCodes } from '../errors.ts';
import { showEntries } from '../ledger/entry-bar.ts';
import { parsePolicyText } from '../ledger/log-location.ts';
import { formatFields } from '../output.ts';
import { readInput } from '../trust.ts';

interface FsckOptions {
  readonly dataDir: string;
  readonly publishedDir?: string;
  readonly log: string;
  readonly trust?: string;
}

/** Checks a ledger's data folder offline; exit code 6 when something is damaged. */
export const run: Run<FsckOptions> = async (context, output, options) => {
  const { dataDir, publishedDir, log: logName, trust } = options;
  const policy = trust === undefined ? undefined : parsePolicyText(await readInput(trust));
  const signal = context.onInterrupt();
  using bar = await showEntries(context, output);
  const report = await checkStore({
    folders: { dataDir, logName, ...(publishedDir === undefined ? {} : { publishedDir }) },
    ...(policy ? { openNote: (note: string) => openTrustedCheckpoint(note, policy) } : {}),
    signal,
    onProgress: (entryCount, treeSize) => bar.update(entryCount, treeSize),
  });
  bar[Symbol.dispose]();
  output.result(report, formatReport(report, dataDir));
  return report.ok ? exitCodes.ok : exitCodes.unproven;
};

function formatReport(
  { ok, origin, treeSize, rootHash, publishedSize, tileCount, problems }: StoreReport,
  folder: string,
) {
  const fields = formatFields([
    ['log', origin],
    ['folder', folder],
    ['entries', treeSize],
    ['published', publishedSize],
    ['root', rootHash],
    ['tiles', tileCount],
  ]);
  const lines = problems.flatMap(({ code, detail, advice }) => [`DAMAGED  ${code}: ${detail}`, `         ${advice}`]);
  return [fields, ...lines, ok ? 'SOUND' : 'DAMAGED'].join('\n');
}

import { createFolderSource } from '@lucid/client/log/folder-source';
import { openLogCheck, readBundles } from '@lucid/client/log/verify-log';
import { restoreLog } from '@lucid/ledger/offline/restore-log';
import type { Run } from '../command.ts';
import { cliError } from '../errors.ts';
import { showEntries } from '../ledger/entry-bar.ts';
import { type LogOptions, readPolicy } from '../ledger/log-location.ts';
import { formatFields } from '../output.ts';
import { readInput } from '../trust.ts';

interface RestoreOptions extends LogOptions {
  readonly dataDir: string;
  readonly publishedDir?: string;
  readonly log: string;
  readonly adopt?: boolean;
  readonly continueAs?: string;
  readonly key?: string;
}

/** Restores a backup into a data folder without a log, verifying it as it is read. */
export const run: Run<RestoreOptions> = async (context, output, options, backup = '') => {
  const { dataDir, publishedDir, log: logName, adopt = false } = options;
  const policy = await readPolicy(context, options);
  const successor = await readSuccessor(options);
  const signal = context.onInterrupt();
  using bar = await showEntries(context, output);
  const check = await openLogCheck({ source: createFolderSource(backup), policy, signal });
  const restored = await restoreLog({
    folders: { dataDir, logName, ...(publishedDir === undefined ? {} : { publishedDir }) },
    note: check.note,
    bundles: () => readBundles({ source: createFolderSource(backup), policy, checkpoint: check.note, signal }),
    adopt,
    ...(successor ? { successor } : {}),
    onProgress: (entryCount) => bar.update(entryCount, check.treeSize),
  });
  bar[Symbol.dispose]();
  const { origin, treeSize, resumedAt } = restored;
  output.result(
    { ...restored, dataDir },
    formatFields([
      ['log', origin],
      ['restored into', dataDir],
      ['entries', treeSize],
      ['went on from', resumedAt === 0 ? undefined : resumedAt],
    ]),
  );
};

async function readSuccessor({ continueAs, key, log }: RestoreOptions) {
  if (continueAs === undefined && key === undefined) return undefined;
  if (continueAs === undefined || key === undefined) {
    throw cliError('USAGE_INVALID', '--continue-as ORIGIN and --key FILE go together.');
  }
  if (!continueAs.endsWith(`/lucid/${log}`)) {
    throw cliError('USAGE_INVALID', `The ledger’s origins are HOST/lucid/LOG; this one ends in /lucid/${log}.`);
  }
  return { origin: continueAs, keyPem: (await readInput(key)).toString('utf8') };
}

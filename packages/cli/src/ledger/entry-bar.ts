import type { CliContext } from '../context.ts';
import { formatBytes, type Output } from '../output.ts';

/** Shows how many of a log's entries are done. */
export interface EntryBar extends Disposable {
  update(entryCount: number, treeSize: number, byteCount?: number): void;
  /** The log did not answer and is asked again. */
  away(error: Error): void;
}

/** A bar on standard error for people at a terminal; for others a remark, once, when the log is away. */
export async function showEntries({ stderr }: CliContext, output: Output): Promise<EntryBar> {
  if (!output.isChatty || !stderr.isTTY) {
    let isSaid = false;
    return {
      update: () => {
        isSaid = false;
      },
      away: ({ message }) => {
        if (!isSaid) output.note(`${message} It is asked again.`);
        isSaid = true;
      },
      [Symbol.dispose]: () => undefined,
    };
  }
  const { default: cliProgress } = await import('cli-progress');
  const options = {
    format: '{bar} {percentage}%  {value} of {total} entries  {bytes}{away}',
    stream: stderr,
    hideCursor: true,
  };
  const bar = new cliProgress.SingleBar(options, cliProgress.Presets.shades_classic);
  bar.start(0, 0, { bytes: '', away: '' });
  return {
    update: (entryCount, treeSize, byteCount) => {
      bar.setTotal(treeSize);
      bar.update(entryCount, { bytes: byteCount === undefined ? '' : formatBytes(byteCount), away: '' });
    },
    away: ({ message }) => bar.update({ away: `  trying again: ${message}` }),
    [Symbol.dispose]: () => bar.stop(),
  };
}

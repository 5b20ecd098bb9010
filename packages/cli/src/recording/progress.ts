import type { RecordProgress } from '@lucid/client/recorder/record';
import type { CliContext } from '../context.ts';
import { formatBytes, type Output } from '../output.ts';

/** Shows how far a recording is. */
export interface ProgressView extends Disposable {
  update(progress: RecordProgress): void;
}

const nothing: ProgressView = { update: () => undefined, [Symbol.dispose]: () => undefined };

/**
 * A bar on standard error for people at a terminal, with the total where it is known; nothing for pipes and programs.
 * @param totalBytes bytes of the source
 */
export async function showProgress(
  { stderr }: CliContext,
  output: Output,
  totalBytes: number | undefined,
): Promise<ProgressView> {
  if (!output.isChatty || !stderr.isTTY) return nothing;
  const { default: cliProgress } = await import('cli-progress');
  const bar = totalBytes === undefined ? '' : '{bar} {percentage}%  ';
  const options = { format: `${bar}{bytes}  {safe} of {chunks} chunks safe`, stream: stderr, hideCursor: true };
  const view = new cliProgress.SingleBar(options, cliProgress.Presets.shades_classic);
  view.start(totalBytes ?? 0, 0, { bytes: formatBytes(0), safe: 0, chunks: 0 });
  return {
    update: ({ plainBytes, chunkCount, acknowledgedCount }) => {
      view.update(plainBytes, { bytes: formatBytes(plainBytes), safe: acknowledgedCount, chunks: chunkCount });
    },
    [Symbol.dispose]: () => view.stop(),
  };
}

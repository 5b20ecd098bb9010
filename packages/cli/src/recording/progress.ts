import type { RecordProgress } from '@lucid/client/recorder/record';
import type { CliContext } from '../context.ts';
import { formatBytes, type Output } from '../output.ts';
import type { RecordingSource } from './recordings.ts';

/** Shows how far a recording is. */
export interface ProgressView extends Disposable {
  update(progress: RecordProgress): void;
  /** The platform did not take something, which will be tried again. */
  waiting(error: Error): void;
}

/**
 * A bar on standard error for people at a terminal, with the total where it is known; of what shows itself there, of
 * pipes and for programs a remark when the platform is away, and when it is back.
 */
export async function showProgress(
  { stderr }: CliContext,
  output: Output,
  source: RecordingSource,
): Promise<ProgressView> {
  // A recorded terminal has the screen for itself: a bar would hide its cursor and write over it.
  if (!output.isChatty || !stderr.isTTY || source.kind === 'terminal') return remarks(output);
  const { default: cliProgress } = await import('cli-progress');
  const total = source.kind === 'file' ? source.size : undefined;
  const bar = total === undefined ? '' : '{bar} {percentage}%  ';
  const options = { format: `${bar}{bytes}  {safe} of {chunks} chunks safe{away}`, stream: stderr, hideCursor: true };
  const view = new cliProgress.SingleBar(options, cliProgress.Presets.shades_classic);
  view.start(total ?? 0, 0, { bytes: formatBytes(0), safe: 0, chunks: 0, away: '' });
  let safe = 0;
  return {
    update: ({ plainBytes, chunkCount, acknowledgedCount }) => {
      const back = acknowledgedCount > safe ? { away: '' } : {};
      safe = acknowledgedCount;
      view.update(plainBytes, { bytes: formatBytes(plainBytes), safe, chunks: chunkCount, ...back });
    },
    waiting: ({ message }) => view.update({ away: `  trying again: ${message}` }),
    [Symbol.dispose]: () => view.stop(),
  };
}

/** Says once that the platform is away, and once that it is back. */
function remarks(output: Output): ProgressView {
  let safe = 0;
  let isAway = false;
  return {
    update: ({ acknowledgedCount }) => {
      if (isAway && acknowledgedCount > safe) output.note('The platform is back.');
      isAway &&= acknowledgedCount <= safe;
      safe = Math.max(safe, acknowledgedCount);
    },
    waiting: ({ message }) => {
      if (!isAway) output.note(`${message} What is recorded is kept here and sent when that works again.`);
      isAway = true;
    },
    [Symbol.dispose]: () => undefined,
  };
}

import { AppError, type AppErrorOptions } from '@lucid/common/errors';

/** What can be wrong with a log, its files, or the copy of one. `doc` says what it means, `advice` what to do. */
export const logProblems = {
  LOG_FILE_MISSING: {
    doc: 'A tile or bundle the checkpoint promises is not there.',
    advice: 'Ask again later; if it stays away, keep the checkpoint: it is proof that the log withholds entries.',
  },
  LOG_FILE_UNREADABLE: {
    doc: 'A file is there, but the disk does not give it.',
    advice: 'Look at the disk; mend the copy from another one.',
  },
  LOG_FILE_TOO_LARGE: {
    doc: 'A file is larger than any of its kind may be.',
    advice: 'It is not the file it is called; fetch it again, or mend the copy.',
  },
  LOG_BUNDLE_MALFORMED: {
    doc: 'An entry bundle is cut short, or holds another number of entries than its place in the tree.',
    advice: 'Fetch it again, or mend the copy from another one.',
  },
  LOG_ENTRY_MISMATCH: {
    doc: 'An entry is not the one the tree commits to.',
    advice: 'Fetch the bundle again, or mend the copy; if the log itself serves it, keep both files as evidence.',
  },
  LOG_TILE_MISMATCH: {
    doc: 'A tile is not what the hashes below it make it.',
    advice: 'Fetch the tile again, or mend the copy from another one.',
  },
  LOG_ROOT_MISMATCH: {
    doc: 'The entries or tiles do not lead to the root the log signed.',
    advice:
      'Ask again, or another copy; if it stays so, keep checkpoint and files: the log signed what it does not serve.',
  },
  LOG_FORKED: {
    doc: 'Two checkpoints signed by the log cannot both be of one growing log.',
    advice: 'Keep both checkpoints and show them to others: they prove that the log showed two histories.',
  },
  LOG_TREE_OLDER: {
    doc: 'The log shows fewer entries than it has signed before.',
    advice: 'Ask again later: a cache may be behind. If it stays so, entries were dropped.',
  },
} as const;

export type LogProblemCode = keyof typeof logProblems;

/** One thing that does not hold. */
export interface LogProblem {
  /** One of `logProblems`, or the code a checkpoint or policy was refused with. */
  readonly code: string;
  readonly detail: string;
  /** The file under the log's prefix, where it is about one. */
  readonly path?: string;
  /** The first entry it is about. */
  readonly leafIndex?: number;
}

/** A log, or what keeps one, that cannot be worked with. The status is that of the network's errors: 503 may pass. */
export function logError(code: string, detail: string, options: AppErrorOptions = {}): AppError {
  return new AppError(code, detail, { status: 422, ...options });
}

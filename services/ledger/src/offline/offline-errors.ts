import { AppError } from '@lucid/common/errors';

/** Why a ledger's folder is not restored. No log and no published checkpoint that was there has been changed then. */
export const restoreErrors = {
  RESTORE_NOT_EMPTY: 'There is a log in the data folder already.',
  RESTORE_BACKUP_OLDER: 'The log has published more entries than the backup has: it would contradict itself.',
  RESTORE_BACKUP_FORKED: 'The backup is of another tree than the log has published.',
  RESTORE_PUBLISHED_MISSING: 'Nothing here says what the log published last.',
  RESTORE_PUBLISHED_OLDER: 'What is said to be published last is older than the backup: it is not the last.',
  RESTORE_ORIGIN_OTHER: 'The backup is of another log.',
  RESTORE_SUCCESSOR_INVALID: 'A successor needs an origin and a key of its own.',
} as const;

/** The status is 409: what is there and what is asked for do not go together. */
export function restoreError(code: keyof typeof restoreErrors, advice: string, cause?: unknown): AppError {
  return new AppError(code, `${restoreErrors[code]} ${advice}`, { status: 409, cause });
}

/** What an offline check finds, and what to do about it. */
export const storeProblems = {
  FSCK_STORE_MISSING: 'Restore the log from a backup: lucid ledger restore.',
  FSCK_STORE_CORRUPT: 'Restore the log from a backup that is as new as the published checkpoint.',
  FSCK_STATE_DAMAGED: 'Restore the log from a backup that is as new as the published checkpoint.',
  FSCK_ENTRIES_DAMAGED: 'Restore the log from a backup: these entries cannot be computed from anything else.',
  FSCK_TILE_DAMAGED: 'Restore the log from a backup; the entries under the tile are whole, so nothing is lost.',
  FSCK_INDEX_DAMAGED: 'Lookups by leaf hash miss entries; proofs are not touched. Restore from a backup to rebuild it.',
  FSCK_KEY_DAMAGED:
    'Who repeats the append under this Idempotency-Key is refused or told of other entries; the log is not touched. A restore forgets all such keys.',
  FSCK_ROOT_MISMATCH: 'Restore the log from a backup that is as new as the published checkpoint.',
  FSCK_STORE_BEHIND: 'This is an older copy. Restore the newest copy or backup; never serve from this one.',
  FSCK_STORE_FORKED: 'This is the store of another history. Restore the log’s own store or backup.',
  FSCK_PUBLISHED_MISSING:
    'Put the file back; if nobody holds a newer checkpoint, start once with LEDGER_ADOPT_STORE=true.',
  FSCK_PUBLISHED_DAMAGED:
    'Restore the file; else take the newest checkpoint that anybody holds, and lucid ledger restore.',
  FSCK_PUBLISHED_UNTRUSTED:
    'The file is of another log or key: LEDGER_KEY_FILE and LEDGER_ORIGIN_HOST must stay as they were.',
} as const;

export type StoreProblemCode = keyof typeof storeProblems;

export type StoreProblem = {
  readonly code: StoreProblemCode;
  readonly detail: string;
  /** What to do. */
  readonly advice: string;
  /** The first entry it is about. */
  readonly leafIndex?: number;
};

export function storeProblem(code: StoreProblemCode, detail: string, leafIndex?: number): StoreProblem {
  return { code, detail, advice: storeProblems[code], ...(leafIndex === undefined ? {} : { leafIndex }) };
}

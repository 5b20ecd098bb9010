import { AppError, type AppErrorOptions } from '@lucid/common/errors';

/** What the command line's own failures are called, and the exit code each ends with (see README.md, "Exit codes"). */
export const cliErrors = {
  USAGE_INVALID: { exitCode: 2, doc: 'The command line cannot be understood.' },
  FILE_UNREADABLE: { exitCode: 3, doc: 'A file or folder named on the command line cannot be read or written.' },
  KEY_FOLDER_EXPOSED: { exitCode: 3, doc: 'The key folder can be entered by other users of the machine.' },
  KEY_FILE_EXPOSED: { exitCode: 3, doc: 'A key file can be read by other users of the machine.' },
  KEY_FILE_INVALID: { exitCode: 3, doc: 'A key file does not hold the kind of key it should.' },
  GENESIS_FILE_INVALID: { exitCode: 3, doc: 'genesis.json is not a genesis configuration.' },
} as const;

export type CliErrorCode = keyof typeof cliErrors;

/** A failure the user can do something about: the text says what. */
export function cliError(code: CliErrorCode, detail: string, options: AppErrorOptions = {}): AppError {
  return new AppError(code, detail, options);
}

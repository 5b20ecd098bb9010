import { AppError, type AppErrorOptions, isAppError } from '@lucid/common/errors';

/** What a process ends with; scripts decide on these. The README's table says the same. */
export const exitCodes = {
  ok: 0,
  /** The platform refused, or something failed for good. */
  failed: 1,
  /** The command line cannot be understood. */
  usage: 2,
  /** A file or key on this machine is missing or unfit. */
  local: 3,
  /** Not signed in, or not allowed. */
  access: 4,
  /** The platform does not answer, or not in time: trying again may help. */
  unavailable: 5,
  /** A proof does not hold. */
  unproven: 6,
  /** Stopped by Ctrl-C or SIGTERM. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** The command line's own failures. */
export const cliErrors = {
  USAGE_INVALID: { exitCode: exitCodes.usage, doc: 'The command line cannot be understood.' },
  FILE_UNREADABLE: { exitCode: exitCodes.local, doc: 'A file or folder cannot be read or written.' },
  KEY_FOLDER_EXPOSED: {
    exitCode: exitCodes.local,
    doc: 'The key folder can be entered by other users of the machine.',
  },
  KEY_FILE_EXPOSED: { exitCode: exitCodes.local, doc: 'A key file can be read by other users of the machine.' },
  KEY_FILE_INVALID: { exitCode: exitCodes.local, doc: 'A key file does not hold the kind of key it should.' },
  KEY_LOST: { exitCode: exitCodes.local, doc: 'A key is gone while what was made with it is there.' },
  SECRET_COPY_DIFFERS: { exitCode: exitCodes.local, doc: 'A service’s copy of a key is not the key.' },
  CLAIM_REFUSED: { exitCode: exitCodes.local, doc: 'The folder cannot be given to the services’ user.' },
  ROOT_FOREIGN: { exitCode: exitCodes.local, doc: 'The platform’s root folder belongs to another user.' },
  HOME_MISSING: { exitCode: exitCodes.local, doc: 'This user has no home folder, and no other was named.' },
  GENESIS_FILE_INVALID: { exitCode: exitCodes.local, doc: 'genesis.json is not a genesis configuration.' },
  CREDENTIALS_INVALID: { exitCode: exitCodes.local, doc: 'The credentials file cannot be read.' },
  CREDENTIALS_LOCKED: { exitCode: exitCodes.unavailable, doc: 'Another lucid is renewing the credentials.' },
  NOT_SIGNED_IN: { exitCode: exitCodes.access, doc: 'There are no credentials for this platform.' },
  POLICY_FILE_INVALID: { exitCode: exitCodes.local, doc: 'The policy file is not a session policy.' },
  TRUST_MISSING: { exitCode: exitCodes.local, doc: 'No trust file was given and none is kept for this platform.' },
  TRUST_CHANGED: {
    exitCode: exitCodes.unproven,
    doc: "The platform's log has another key than when you first met it.",
  },
  RECORDING_NOT_FOUND: { exitCode: exitCodes.local, doc: 'There is no such recording on this machine.' },
  RECORDING_SOURCE_CHANGED: { exitCode: exitCodes.local, doc: 'The recorded file is not what it was.' },
  COMMAND_FAILED: { exitCode: exitCodes.local, doc: 'The command to record could not be started.' },
  PREPARED_MISMATCH: { exitCode: exitCodes.unproven, doc: 'The platform prepared something else than was asked for.' },
  CHAIN_CALL_REFUSED: { exitCode: exitCodes.failed, doc: 'The chain refused a call that has to come before signing.' },
  PROOF_INVALID: { exitCode: exitCodes.unproven, doc: 'The proof does not hold.' },
  ONION_NEEDS_SOCKS: { exitCode: exitCodes.usage, doc: 'An onion address is reached through tor only.' },
  SOCKS_ADDRESS_INVALID: { exitCode: exitCodes.usage, doc: 'A SOCKS proxy is HOST:PORT or unix:PATH.' },
  INTERRUPTED: { exitCode: exitCodes.interrupted, doc: 'Stopped by the user.' },
} as const;

export type CliErrorCode = keyof typeof cliErrors;

/** A failure the user can do something about: the text says what. */
export function cliError(code: CliErrorCode, detail: string, options: AppErrorOptions = {}): AppError {
  return new AppError(code, detail, options);
}

/** Of files and folders of this machine. */
const localCodes =
  /^(JOURNAL_|RESTORE_|BACKUP_LOCKED$|LOG_STATE_|STORE_(LOCKED|CORRUPT|OPEN_FAILED)$|LEDGER_(PUBLISHED|KEY)_)/;
/** A log or a copy of one does not hold. */
const unprovenCodes = /^(LOG_(?!ANSWER_)|BACKUP_|NOTE_|CHECKPOINT_|POLICY_QUORUM_)/;

/** The exit code an error ends the process with. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!isAppError(error)) return exitCodes.failed;
  if (error.code in cliErrors) return cliErrors[error.code as CliErrorCode].exitCode;
  if (localCodes.test(error.code)) return exitCodes.local;
  if (unprovenCodes.test(error.code) && error.status < 500) return exitCodes.unproven;
  // Of errors that no platform sent only the network's have a status of their own.
  if (error.status === 401 || error.status === 403) return exitCodes.access;
  if ([408, 429, 502, 503, 504].includes(error.status)) return exitCodes.unavailable;
  return exitCodes.failed;
}

const hints: Readonly<Record<string, string>> = {
  NOT_SIGNED_IN: 'Sign in: lucid login --username NAME, or --wallet FILE, or --api-key-file FILE.',
  AUTH_TOKEN_MISSING: 'Sign in: lucid login.',
  AUTH_TOKEN_INVALID: 'Sign in again: lucid login.',
  AUTH_TOKEN_EXPIRED: 'Sign in again: lucid login.',
  REFRESH_TOKEN_INVALID: 'Sign in again: lucid login.',
  REFRESH_TOKEN_EXPIRED: 'Sign in again: lucid login.',
  REFRESH_TOKEN_REUSED: 'Sign in again: lucid login. If nobody copied your credentials file, tell your operator.',
  AUTH_ROLE_MISSING: 'Ask an admin for the role, then sign in again: lucid login.',
  AUTH_WALLET_UNKNOWN: 'An admin links the wallet to a user; the very first user registers with --setup-code.',
  SETUP_CODE_INVALID:
    'The code is in the file setup-code of api’s data folder (pnpm dev: of the key folder), until the first user is registered.',
  UPSTREAM_UNREACHABLE:
    'Is the platform running? Start it: npx -y pnpm dev, or docker compose up -d. Elsewhere: --gateway URL.',
  UPSTREAM_TIMEOUT: 'The platform is slow or away; try again.',
  UPSTREAM_ANSWER_INVALID: 'Is this the address of a Lucid gateway? Say another with --gateway URL.',
  SESSION_WAIT_TIMEOUT: 'The platform goes on by itself; look again with: lucid session show ID.',
  SESSION_NOT_ANCHORED: 'Wait for the anchor, or take the bundle without it: --allow-unanchored.',
  RECORDING_INCOMPLETE: 'Send the rest first: lucid session record --resume NAME.',
  ONION_NEEDS_SOCKS: 'Say where tor listens: --socks 127.0.0.1:9050 (Tor Browser’s is 127.0.0.1:9150).',
  TUNNEL_WAIT_TIMEOUT: 'It goes on by itself; look again with: lucid tunnel show NAME, lucid tunnel status.',
  TUNNEL_CLIENT_AUTH_OFF: 'Make it one for authorized clients first: lucid tunnel set NAME --client-auth.',
  TUNNEL_ROTATION_RUNNING: 'The old address still has its time: lucid tunnel show NAME.',
  TUNNEL_STOPPED: 'Start it: lucid tunnel start NAME.',
  LOG_STATE_DAMAGED: 'Remove the file: the log is then verified from its start.',
  NOTE_UNVERIFIED:
    'The trust file does not name this log: lucid ledger trust --log NAME prints what a platform claims.',
  BACKUP_FILE_DIFFERS:
    'Look which of the two holds: lucid ledger backup FOLDER --verify; then --mend, or show both to others.',
  STORE_LOCKED: 'A ledger runs on this folder. Stop it first.',
  TRUST_MISSING: 'Say which log you trust: --trust FILE. A platform’s own: lucid ledger trust > FILE, or lucid login.',
};

/** What to do about an error; undefined where its text says all. */
export function hintFor(error: unknown): string | undefined {
  if (!isAppError(error)) return undefined;
  const { code, data } = error;
  if (code.startsWith('UPSTREAM_') && data['dependency'] === 'tunnel-tools') {
    return 'tunnel-tools listens on the platform’s machine only; say where: --tunnels URL.';
  }
  const reply = data['reply'];
  if (typeof reply === 'string') return replyHints[reply] ?? 'Tor may need a moment; try again.';
  return hasCause(error, 'SOCKS_UNREACHABLE') ? 'Is tor running? Say where: --socks HOST:PORT.' : hints[code];
}

/** Of tor's replies, for those who visit. */
const replyHints: Readonly<Record<string, string>> = {
  F4: 'Give your tor the key you were given: the .auth_private file belongs into its ClientOnionAuthDir.',
  F5: 'Ask the operator for a key of your own: lucid tunnel clients add NAME PERSON.',
  F6: 'Copy the address again: 56 letters and digits, then .onion.',
};

function hasCause({ cause }: AppError, code: string): boolean {
  return isAppError(cause) && (cause.code === code || hasCause(cause, code));
}

import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Tokens } from '@lucid/client/token-source';
import { cliError } from './errors.ts';
import { ensurePrivateFolder, findPrivateFile, isErrno, replacePrivateFile } from './setup/private-file.ts';

/** A sign-in kept on this machine: for one platform and one user. */
export interface Credentials {
  readonly version: 1;
  /** The only address they are sent to. */
  readonly gatewayUrl: string;
  readonly name: string;
  readonly tokens: Tokens;
  /** Of a sign-in by API key, which has no refresh token. */
  readonly apiKey?: string;
}

const lockStaleMs = 30_000;
const lockWaitMs = 15_000;

/** The credentials file (0600) in the user's configuration folder (0700). */
export class CredentialStore {
  readonly #folder: string;
  readonly #path: string;

  constructor(configFolder: string) {
    this.#folder = configFolder;
    this.#path = join(configFolder, 'credentials.json');
  }

  /** @throws CREDENTIALS_INVALID, KEY_FILE_EXPOSED */
  async find(): Promise<Credentials | undefined> {
    const text = await findPrivateFile(this.#path);
    if (text === undefined) return undefined;
    try {
      const credentials = JSON.parse(text) as Credentials;
      if (credentials.version === 1 && typeof credentials.tokens.accessToken === 'string') return credentials;
    } catch (cause) {
      throw cliError('CREDENTIALS_INVALID', `${this.#path} is damaged. Remove it and sign in again.`, { cause });
    }
    throw cliError('CREDENTIALS_INVALID', `${this.#path} is of another version. Remove it and sign in again.`);
  }

  /** On the disk when it resolves. */
  async put(credentials: Credentials): Promise<void> {
    await ensurePrivateFolder(this.#folder);
    await replacePrivateFile(this.#path, `${JSON.stringify(credentials, undefined, 2)}\n`);
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }

  /**
   * Runs `work` while no other lucid of this user does. A refresh token is single use: two that renew at once would
   * look like a theft and end the sign-in. @throws CREDENTIALS_LOCKED
   */
  async locked<T>(work: () => Promise<T>): Promise<T> {
    await ensurePrivateFolder(this.#folder);
    const lock = join(this.#folder, 'credentials.lock');
    const until = Date.now() + lockWaitMs;
    while (!(await tryLock(lock))) {
      if (Date.now() > until) {
        throw cliError('CREDENTIALS_LOCKED', `Another lucid holds ${lock}. If none runs, remove it.`);
      }
      await delay(50);
    }
    try {
      return await work();
    } finally {
      await rm(lock, { force: true });
    }
  }
}

async function tryLock(path: string): Promise<boolean> {
  try {
    await using file = await open(path, 'wx', 0o600);
    await file.writeFile(String(process.pid));
    return true;
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    const found = await stat(path).catch(() => undefined);
    // Whoever made it was killed: renewing takes seconds at most.
    if (found && Date.now() - found.mtimeMs > lockStaleMs) await rm(path, { force: true });
    return false;
  }
}

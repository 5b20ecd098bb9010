import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cliError } from '../errors.ts';

/** Permission bits of anybody but the owner. */
const othersMask = 0o077;

/**
 * Makes the folder (0700) if it is missing, on the disk; refuses one that others may enter, since it is to hold keys.
 * Answers whether it was missing.
 */
export async function ensurePrivateFolder(folder: string): Promise<boolean> {
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (made !== undefined) {
    await chmod(folder, 0o700);
    for (let parent = dirname(folder); parent.length >= dirname(made).length; parent = dirname(parent)) {
      await syncFolder(parent);
      if (parent === dirname(parent)) break;
    }
  }
  const found = await stat(folder);
  if (!found.isDirectory()) throw cliError('FILE_UNREADABLE', `${folder} is not a folder.`);
  if ((found.mode & othersMask) !== 0) {
    throw cliError('KEY_FOLDER_EXPOSED', `Other users can enter ${folder}. Run: chmod 700 ${folder}`);
  }
  return made !== undefined;
}

/** How long ago a temporary file was touched that nobody is writing any more. */
const leftoverAgeMs = 10 * 60_000;

/** Removes the temporary files of writers that were killed; they hold secrets nobody would look after. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!temporaryName.test(name)) continue;
    const path = join(folder, name);
    if (await isOld(path)) await rm(path, { force: true });
  }
}

async function isOld(path: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs > leftoverAgeMs;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false; // its writer has just finished
    throw error;
  }
}

/**
 * Makes a file with mode 0600, whole and on the disk or not at all: a temporary file, synced, then linked to its name,
 * which fails rather than replaces. Answers false when the name is taken; the file there is not touched.
 */
export async function createPrivateFile(path: string, text: string | Uint8Array): Promise<boolean> {
  const temporary = await writeTemporary(path, text);
  try {
    await link(temporary, path);
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await unlink(temporary);
  }
  await syncFolder(dirname(path));
  return true;
}

/** As `createPrivateFile`, replacing what is there in one step. */
export async function replacePrivateFile(path: string, text: string): Promise<void> {
  await rename(await writeTemporary(path, text), path);
  await syncFolder(dirname(path));
}

/** The file's text; undefined when there is none, KEY_FILE_EXPOSED when others may read it. */
export async function findPrivateFile(path: string): Promise<string | undefined> {
  try {
    const { mode } = await stat(path);
    if ((mode & othersMask) !== 0) {
      throw cliError('KEY_FILE_EXPOSED', `Other users can read ${path}. Run: chmod 600 ${path}`);
    }
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return undefined;
    if (cause instanceof Error && 'errno' in cause) {
      throw cliError('FILE_UNREADABLE', `${path} cannot be read (${String((cause as NodeJS.ErrnoException).code)}).`, {
        cause,
      });
    }
    throw cause;
  }
}

/** A secret in a file named on the command line. @throws FILE_UNREADABLE; KEY_FILE_EXPOSED when others may read it */
export async function readSecretFile(path: string): Promise<string> {
  const text = await findPrivateFile(path);
  if (text === undefined) throw cliError('FILE_UNREADABLE', `There is no file ${path}.`);
  return text;
}

const temporaryName = /^\.[0-9a-f]{16}\.tmp$/;

async function writeTemporary(path: string, text: string | Uint8Array): Promise<string> {
  const temporary = join(dirname(path), `.${randomBytes(8).toString('hex')}.tmp`);
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    await rm(temporary, { force: true }); // what is there of a secret
    throw error;
  } finally {
    await file.close();
  }
  return temporary;
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether a failed system call failed for this reason, such as ENOENT. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

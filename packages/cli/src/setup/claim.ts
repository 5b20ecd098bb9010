import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { cliError } from '../errors.ts';
import { hostFolders, serviceUser } from './host-layout.ts';
import { isErrno } from './private-file.ts';

export type Claim = 'claimed' | 'already owned';

/** What a folder of root's may hold: a new file system's own folder, and what was restored from a backup. */
const familiar: ReadonlySet<string> = new Set(['lost+found', ...Object.values(hostFolders)]);

/**
 * Gives the platform's root folder to the services' user: that folder, nothing in it and nothing above it. It must be
 * empty, or root's with nothing foreign in it: a mistyped `/` or `/etc` stays root's. Works on the folder it opened, so that a symbolic link put there meanwhile changes nothing.
 * @throws CLAIM_REFUSED
 */
export async function claimFolder(path: string, owner: { uid: number; gid: number } = serviceUser): Promise<Claim> {
  const resolved = resolve(path); // a trailing slash would follow a link
  if (await isOwnedBy(resolved, owner.uid)) return 'already owned';
  await using folder = await openFolder(resolved);
  const { uid } = await folder.stat();
  const names = await readdir(`/proc/self/fd/${folder.fd}`);
  const foreign = uid === 0 ? names.filter((name) => !familiar.has(name)) : names;
  if (foreign.length > 0) {
    const advice =
      uid === 0
        ? 'The platform needs a folder that is new or empty.'
        : `If it is meant for the platform: chown -R ${owner.uid}:${owner.gid} ${path}`;
    throw cliError('CLAIM_REFUSED', `${path} belongs to user ${uid} and holds ${foreign[0]}. ${advice}`);
  }
  try {
    await folder.chown(owner.uid, owner.gid);
    await folder.sync();
  } catch (cause) {
    const detail = `${path} cannot be given to user ${owner.uid}. Run as root: chown ${owner.uid}:${owner.gid} ${path}`;
    throw cliError('CLAIM_REFUSED', detail, { cause });
  }
  return 'claimed';
}

/** Looked at without opening: root that may do no more than change owners cannot open a folder of mode 0700. */
async function isOwnedBy(path: string, user: number): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found !== undefined && found.isDirectory() && found.uid === user;
}

async function openFolder(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) throw cliError('CLAIM_REFUSED', `There is no folder ${path}.`, { cause });
    // A link fails as "not a directory" or as "too many links", by the order the kernel looks at the flags.
    if (isErrno(cause, 'ENOTDIR') || isErrno(cause, 'ELOOP')) {
      throw cliError('CLAIM_REFUSED', `${path} is not a folder, or is a symbolic link: name the folder itself.`, {
        cause,
      });
    }
    throw cliError('CLAIM_REFUSED', `${path} cannot be opened (${(cause as NodeJS.ErrnoException).code}).`, { cause });
  }
}

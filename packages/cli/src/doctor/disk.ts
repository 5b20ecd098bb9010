import { randomBytes } from 'node:crypto';
import { rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatBytes } from '../output.ts';
import { serviceUser } from '../setup/host-layout.ts';
import type { Finding } from './finding.ts';
import { findMount, type Host, isContainer } from './host.ts';

/** A file of the machine's own disk, by which a container can tell another disk. */
const hostFile = 'host/passwd';

/** Whether the platform's folder is on a disk of its own: without it the SD card would fill and wear out. */
export function checkMounted(host: Host, root: string): Finding {
  const id = 'disk-mounted';
  const why =
    'While the disk is missing, its folder is on the system’s own disk: an SD card, which fills and wears out.';
  const device = deviceOf(root);
  if (device === undefined) {
    const fix = `Mount the disk (lsblk -f, /etc/fstab), then: sudo mkdir -p ${root} && sudo chown ${serviceUser.uid}:${serviceUser.gid} ${root}`;
    return { id, severity: 'fail', found: `There is no folder ${root}.`, why, fix };
  }
  const isInside = isContainer(host);
  const own = deviceOf(host.path(isInside || host.has(hostFile) ? hostFile : ''));
  if (own === undefined) {
    const found = `Inside a container it cannot be told whether ${root} is on a disk of its own.`;
    return { id, severity: 'warn', found, why, fix: `Mount the machine’s /etc/passwd read-only at /${hostFile}.` };
  }
  const mount = findMount(host, root);
  const where = mount ? ` (${mount.source}, ${mount.type})` : '';
  if (own !== device) return { id, severity: 'ok', found: `${root} is on a disk of its own${where}.`, why };
  const fix = `Mount the disk and have it mounted at every start: a line in /etc/fstab with its UUID (blkid), noatime,nofail; then sudo mount -a.`;
  return { id, severity: 'fail', found: `${root} is on the system’s own disk${where}.`, why, fix };
}

const unfitTypes = new Set(['vfat', 'msdos', 'exfat', 'ntfs', 'ntfs3', 'fuseblk']);
const doubtfulTypes: Readonly<Record<string, string>> = {
  tmpfs: 'what is in memory is gone at the next start',
  overlay: 'what is in a container is gone with it',
  nfs: 'a network’s file system may lose what it said it wrote',
  nfs4: 'a network’s file system may lose what it said it wrote',
  cifs: 'a network’s file system may lose what it said it wrote',
};

/** Whether the file system keeps owners, modes and hard links, and lasts. */
export function checkFileSystem(host: Host, root: string): Finding {
  const id = 'disk-type';
  const why =
    'Keys are files only their owner may read, and what was answered as kept must be there after a power cut.';
  const mount = findMount(host, root);
  if (!mount) return { id, severity: 'info', found: `The file system of ${root} cannot be told.`, why };
  const { type, point, source } = mount;
  if (unfitTypes.has(type)) {
    const fix = `Save what is on it, then: sudo umount ${point} && sudo mkfs.ext4 ${source}`;
    return { id, severity: 'fail', found: `${root} is on ${type}, which keeps no owners and modes.`, why, fix };
  }
  const doubt = doubtfulTypes[type];
  if (doubt === undefined) return { id, severity: 'ok', found: `${root} is on ${type}.`, why };
  return { id, severity: 'warn', found: `${root} is on ${type}: ${doubt}.`, why, fix: 'Use a local disk with ext4.' };
}

const GiB = 2 ** 30;

/** Free bytes and inodes. */
export function checkSpace(root: string): Finding {
  const id = 'disk-space';
  const why = 'A full disk makes the services refuse what they cannot keep.';
  if (deviceOf(root) === undefined) return { id, severity: 'info', found: `There is no folder ${root}.`, why };
  const { bavail, blocks, bsize, ffree, files } = statfsSync(root);
  const freeBytes = bavail * bsize;
  const freePart = Math.floor((100 * bavail) / Math.max(1, blocks));
  // Some file systems have no fixed number of inodes, and say 0.
  const inodes = files > 0 ? `, ${ffree} inodes` : '';
  const found = `${formatBytes(freeBytes)} free (${freePart} %)${inodes}.`;
  const fix = `Make room or use a larger disk; du -xh --max-depth=2 ${root} shows what takes it.`;
  if (freeBytes < GiB || (files > 0 && ffree < 10_000)) return { id, severity: 'fail', found, why, fix };
  if (freeBytes < 5 * GiB || (files > 0 && ffree < files / 20)) return { id, severity: 'warn', found, why, fix };
  return { id, severity: 'ok', found, why };
}

/** Whether this user may write there: makes a file and removes it. */
export function checkWritable(root: string): Finding {
  const id = 'disk-writable';
  const why = 'The services keep everything under it.';
  const path = join(root, `.${randomBytes(8).toString('hex')}.tmp`);
  try {
    writeFileSync(path, '', { flag: 'wx', mode: 0o600 });
    rmSync(path);
    return { id, severity: 'ok', found: `${root} can be written.`, why };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    const { uid, gid } = serviceUser;
    const fixes: Readonly<Record<string, string>> = {
      EROFS: 'The disk is read-only: dmesg says why (an error, or “ro” in /etc/fstab); sudo fsck, then mount it again.',
      ENOSPC: 'The disk is full: make room.',
      ENOENT: `Make it: sudo mkdir -p ${root} && sudo chown ${uid}:${gid} ${root}`,
    };
    const fix = fixes[String(error.code)] ?? `sudo chown ${uid}:${gid} ${root}`;
    return { id, severity: 'fail', found: `${root} cannot be written (${String(error.code)}).`, why, fix };
  }
}

function deviceOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.dev;
}

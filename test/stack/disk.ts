import { mkdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, succeeds } from '../support/run-command.ts';

const sizeBytes = 8 * 1024 ** 3;

/** A disk of its own for the stack's data, as a board has one: an ext4 file system in a sparse file, mounted. */
export class Disk implements AsyncDisposable {
  readonly mountPoint: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.mountPoint = join(folder, 'disk');
  }

  /** Makes and mounts it under `folder`, in place of what an earlier run left. Takes root. */
  static async mount(folder: string): Promise<Disk> {
    const disk = new Disk(folder);
    await disk.#unmount();
    await mkdir(disk.mountPoint, { recursive: true });
    const file = join(folder, 'disk.ext4');
    await writeFile(file, '');
    await truncate(file, sizeBytes);
    await run(['mkfs.ext4', '-q', '-m', '0', file]);
    await run(['mount', '-o', 'loop,noatime', file, disk.mountPoint]);
    return disk;
  }

  async #unmount(): Promise<void> {
    if (await succeeds(['mountpoint', '-q', this.mountPoint])) await run(['umount', this.mountPoint]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#unmount();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** A new folder on the disk of the system itself. */
export async function makeFolderOnSystemDisk(): Promise<string> {
  const system = (await stat('/etc/passwd')).dev;
  for (const parent of ['/var/tmp', '/opt', '/root']) {
    if ((await stat(parent)).dev !== system) continue;
    const folder = join(parent, `lucid-stack-${process.pid}`);
    await mkdir(folder);
    return folder;
  }
  throw new Error('no folder of /var/tmp, /opt and /root is on the disk of /etc/passwd');
}

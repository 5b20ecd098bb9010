import { chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const user = 1000;

/** A folder on this machine for containers to mount, gone when it is disposed. Making it takes root. */
export class Scratch {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async create(): Promise<Scratch> {
    return new Scratch(await mkdtemp(join(tmpdir(), 'lucid-')));
  }

  /** A folder of the images' user's alone. */
  async folder(name: string): Promise<string> {
    const path = join(this.#folder, name);
    await mkdir(path, { mode: 0o700 });
    await chown(path, user, user);
    return path;
  }

  /** A file in such a folder. */
  async file(folder: string, name: string, text: string): Promise<void> {
    const path = join(folder, name);
    await writeFile(path, text, { mode: 0o400 });
    await chown(path, user, user);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

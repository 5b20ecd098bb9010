import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { makeDurableFolder, syncFolder } from '@lucid/common/storage/durable-folder';
import type { BlobRange, BlobStore, StagedBlob } from '../domain/blob-store.ts';
import type { BlobName } from '../domain/chunk.ts';
import { sessionError } from '../errors.ts';

const readBytes = 64 * 1024;
const knownFoldersMax = 10_000;

/**
 * Blobs as files: `blobs/<folder>/<file>`, staged in `incoming/`. Opening removes what a crash left half received,
 * which nobody was told is durable.
 */
export async function openFolderBlobStore(root: string): Promise<FolderBlobStore> {
  await rm(join(root, 'incoming'), { recursive: true, force: true });
  for (const folder of ['incoming', 'blobs']) await makeDurableFolder(join(root, folder));
  return new FolderBlobStore(root);
}

export class FolderBlobStore implements BlobStore {
  readonly #root: string;
  /** Session folders whose own name is known to be durable. */
  readonly #known = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  async stage(): Promise<StagedBlob> {
    const path = join(this.#root, 'incoming', randomUUID());
    const file = await orFull(() => open(path, 'wx', 0o600));
    return new StagedFile(path, file, (name) => this.#keep(path, name));
  }

  async #keep(path: string, { folder, file }: BlobName): Promise<void> {
    const target = join(this.#root, 'blobs', folder);
    if (!this.#known.has(folder)) await mkdir(target, { recursive: true, mode: 0o700 });
    await rename(path, join(target, file));
    await syncFolder(target);
    if (this.#known.has(folder)) return;
    await syncFolder(join(this.#root, 'blobs'));
    if (this.#known.size >= knownFoldersMax) this.#known.clear();
    this.#known.add(folder);
  }

  async read({ folder, file }: BlobName, range?: BlobRange): Promise<Readable> {
    const handle = await open(join(this.#root, 'blobs', folder, file), constants.O_RDONLY);
    return handle.createReadStream({ highWaterMark: readBytes, ...range });
  }

  async remove({ folder, file }: BlobName): Promise<void> {
    await rm(join(this.#root, 'blobs', folder, file), { force: true });
  }

  async sweep(folder: string, isKept: (file: string) => Promise<boolean>): Promise<number> {
    const path = join(this.#root, 'blobs', folder);
    const files = await readdir(path).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    });
    let removed = 0;
    for (const file of files) {
      if (await isKept(file)) continue;
      await rm(join(path, file), { force: true });
      removed += 1;
    }
    return removed;
  }
}

class StagedFile implements StagedBlob {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #keepAs: (name: BlobName) => Promise<void>;
  #isKept = false;

  constructor(path: string, file: FileHandle, keepAs: (name: BlobName) => Promise<void>) {
    this.#path = path;
    this.#file = file;
    this.#keepAs = keepAs;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await orFull(async () => {
      let rest = bytes;
      while (rest.length > 0) rest = rest.subarray((await this.#file.write(rest)).bytesWritten);
    });
  }

  async keep(name: BlobName): Promise<void> {
    await orFull(async () => {
      await this.#file.sync();
      await this.#keepAs(name);
    });
    this.#isKept = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
    if (!this.#isKept) await rm(this.#path, { force: true });
  }
}

async function orFull<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    if (error.code !== 'ENOSPC' && error.code !== 'EDQUOT') throw error;
    throw sessionError('SESSION_STORAGE_FULL', 'The disk is full; nothing of this chunk was kept.', {
      cause: error,
      retryAfterSec: 30,
    });
  }
}

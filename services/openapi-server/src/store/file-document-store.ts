import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { DocumentStore, StoredDocument } from '../domain/library.ts';

/** A file per service. A save is a new file, synced, that takes the old one's name; a torn one is never seen. */
export class FileDocumentStore implements DocumentStore {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(dataDir: string): Promise<FileDocumentStore> {
    const folder = join(dataDir, 'documents');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new FileDocumentStore(folder);
  }

  async load(service: string): Promise<StoredDocument | undefined> {
    try {
      return JSON.parse(await readFile(this.#pathOf(service), 'utf8')) as StoredDocument;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async save(service: string, document: StoredDocument): Promise<void> {
    const path = this.#pathOf(service);
    await writeSynced(`${path}.new`, JSON.stringify(document));
    await rename(`${path}.new`, path);
    await sync(this.#folder);
  }

  #pathOf(service: string): string {
    return join(this.#folder, `${service}.json`);
  }
}

async function writeSynced(path: string, text: string): Promise<void> {
  await using file = await open(path, 'w', 0o600);
  await file.writeFile(text);
  await file.sync();
}

async function sync(folder: string): Promise<void> {
  await using handle = await open(folder, 'r');
  await handle.sync();
}

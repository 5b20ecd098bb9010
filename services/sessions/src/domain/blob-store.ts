import type { Readable } from 'node:stream';
import type { BlobName } from './chunk.ts';

/** A blob on its way in. Disposing one that was not kept removes it. */
export interface StagedBlob extends AsyncDisposable {
  /** Appends bytes; resolves when the next may come, which is the back-pressure. */
  write(bytes: Uint8Array): Promise<void>;
  /** Makes the content and its name durable: synced file, rename, synced folder. Replaces what has the name. */
  keep(name: BlobName): Promise<void>;
}

export interface BlobRange {
  /** First byte. */
  readonly start: number;
  /** Last byte, inclusive. */
  readonly end: number;
}

/**
 * Where ciphertext is kept. Names are made of session, index and digest, so a kept blob never changes its content.
 * Contents are written and read as streams: no implementation holds one whole.
 */
export interface BlobStore {
  /** @throws SESSION_STORAGE_FULL when there is no room, here and from the staged blob's methods */
  stage(): Promise<StagedBlob>;
  /** The content, or a part of it, as a stream. Fails before its first byte when the blob is not there. */
  read(name: BlobName, range?: BlobRange): Promise<Readable>;
  remove(name: BlobName): Promise<void>;
  /** Removes what a crash left in the folder: blobs `isKept` does not know. Answers how many. */
  sweep(folder: string, isKept: (file: string) => Promise<boolean>): Promise<number>;
}

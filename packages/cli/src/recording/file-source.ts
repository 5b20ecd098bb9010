import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { cliError } from '../errors.ts';
import type { RecordingSource } from './recordings.ts';

type FileSource = Extract<RecordingSource, { kind: 'file' }>;

/** Describes a file to record. @throws FILE_UNREADABLE */
export async function inspectFile(path: string): Promise<FileSource> {
  try {
    const found = await stat(path);
    if (!found.isFile()) throw cliError('FILE_UNREADABLE', `${path} is not a file; pipe it in instead.`);
    if (found.size === 0) throw cliError('FILE_UNREADABLE', `${path} is empty; there is nothing to record.`);
    return { kind: 'file', path: await realpath(path), size: found.size, modifiedAt: Math.floor(found.mtimeMs) };
  } catch (cause) {
    if (!(cause instanceof Error && 'errno' in cause)) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    const detail = code === 'ENOENT' ? `There is no file ${path}.` : `${path} cannot be read (${String(code)}).`;
    throw cliError('FILE_UNREADABLE', detail, { cause });
  }
}

/**
 * The bytes of a file from `offset` on, up to the size it had.
 * @throws RECORDING_SOURCE_CHANGED when it is not the file it was
 */
export async function* readFileSource(source: FileSource, offset: number): AsyncGenerator<Uint8Array> {
  const now = await inspectFile(source.path);
  if (now.size !== source.size || now.modifiedAt !== source.modifiedAt) {
    throw cliError('RECORDING_SOURCE_CHANGED', `${source.path} was changed since the recording began; record it anew.`);
  }
  if (offset >= source.size) return;
  const stream = createReadStream(source.path, { start: offset, end: source.size - 1, highWaterMark: 1024 * 1024 });
  for await (const piece of stream) yield piece as Uint8Array;
}

/** What a live stream gives until it ends or the signal says that it is enough. */
export async function* readUntil(stream: Readable, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const stop = (): void => void stream.destroy();
  signal.addEventListener('abort', stop);
  try {
    for await (const piece of stream) yield piece as Uint8Array;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

import { isAppError } from '@lucid/common/errors';
import { HASH_SIZE } from '@lucid/common/formats/merkle';
import { encodeTilePath, TILE_WIDTH, type TileId } from '@lucid/common/formats/tiles';
import { logError } from './log-errors.ts';

/**
 * Where a log's files are read from: the static layout of https://c2sp.org/tlog-tiles.
 *
 * The contract: `readFile` answers the bytes of `checkpoint` or of a tile's path. It rejects with LOG_FILE_MISSING (404)
 * when there is no such file, with a status of 500 and more when it could not find out, trying again included. Nothing
 * that is read is trusted. Calls may run at the same time.
 */
export interface LogSource {
  /** For people: its address or its folder. */
  readonly name: string;
  /** At most `sizeMax` bytes, else LOG_FILE_TOO_LARGE. */
  readFile(path: string, sizeMax: number, signal?: AbortSignal): Promise<Uint8Array>;
}

/** A signed note, at most: C2SP's notes with a hundred signatures are far smaller. */
const checkpointBytesMax = 1 << 20;
const bundleBytesMax = TILE_WIDTH * (2 + 65_535);

export function readCheckpointFile(source: LogSource, signal?: AbortSignal): Promise<Uint8Array> {
  return source.readFile('checkpoint', checkpointBytesMax, signal);
}

/**
 * The bytes of a tile or bundle of just this width. A log may have dropped a partial one when the full one came, so that
 * is cut where the partial one is missing. Errors of `readFile`.
 */
export async function readTileFile(source: LogSource, tile: TileId, signal?: AbortSignal): Promise<Uint8Array> {
  const sizeMax = tile.level === 'entries' ? bundleBytesMax : TILE_WIDTH * HASH_SIZE;
  try {
    return await source.readFile(encodeTilePath(tile), sizeMax, signal);
  } catch (error) {
    if (tile.width === TILE_WIDTH || !isAppError(error, 'LOG_FILE_MISSING')) throw error;
    const full = await source.readFile(encodeTilePath({ ...tile, width: TILE_WIDTH }), sizeMax, signal).catch(() => {
      throw error;
    });
    return tile.level === 'entries' ? cutBundle(full, tile.width) : full.subarray(0, tile.width * HASH_SIZE);
  }
}

/** The first `count` entries of a bundle; all of one that has fewer or is malformed. */
function cutBundle(bundle: Uint8Array, count: number): Uint8Array {
  let end = 0;
  for (let entry = 0; entry < count && end + 2 <= bundle.length; entry += 1) {
    end += 2 + (((bundle[end] as number) << 8) | (bundle[end + 1] as number));
  }
  return bundle.subarray(0, end);
}

export function missingFile(path: string, where: string, cause?: unknown): Error {
  return logError('LOG_FILE_MISSING', `${where} has no ${path}.`, { status: 404, cause });
}

export function fileTooLarge(path: string, sizeMax: number): Error {
  return logError('LOG_FILE_TOO_LARGE', `${path} has more than the ${sizeMax} bytes that it may have.`);
}

import { isAppError } from '@lucid/common/errors';
import { encodeTilePath, TILE_WIDTH, type TileId, tileWidth } from '@lucid/common/formats/tiles';
import { inOrder } from './in-order.ts';
import { type LogSource, readTileFile } from './log-source.ts';

/** A file of the log as it was read; without bytes, why there are none. */
export interface ReadLogFile {
  readonly tile: TileId;
  readonly path: string;
  readonly bytes?: Uint8Array;
  readonly refusal?: { readonly code: string; readonly detail: string };
}

/** What is read together: a bundle with the tile of its leaf hashes and the tiles above that these complete. */
export interface ReadStep {
  /** The first leaf; the tree's size in the last step, which has no leaves but the partial tiles above them. */
  readonly first: number;
  readonly width: number;
  readonly files: readonly ReadLogFile[];
}

interface Step {
  readonly first: number;
  readonly width: number;
  readonly tiles: readonly TileId[];
}

/** The files of a tree of `treeSize` leaves from leaf `from` (a multiple of 256) on, in the order they are verified. */
function* listSteps(treeSize: number, from: number): Generator<Step> {
  for (let first = from; first < treeSize; first += TILE_WIDTH) {
    const index = first / TILE_WIDTH;
    const width = tileWidth(0, index, treeSize);
    const tiles: TileId[] = [
      { level: 'entries', index, width },
      { level: 0, index, width },
    ];
    const end = first + width;
    for (let level = 1; end % TILE_WIDTH ** (level + 1) === 0; level += 1) {
      tiles.push({ level, index: end / TILE_WIDTH ** (level + 1) - 1, width: TILE_WIDTH });
    }
    yield { first, width, tiles };
  }
  yield { first: treeSize, width: 0, tiles: [...listPartialUppers(treeSize)] };
}

function* listPartialUppers(treeSize: number): Generator<TileId> {
  for (let level = 1; TILE_WIDTH ** level <= treeSize; level += 1) {
    const index = Math.floor(treeSize / TILE_WIDTH ** (level + 1));
    const width = tileWidth(level, index, treeSize);
    if (width > 0) yield { level, index, width };
  }
}

/** The partial tiles and bundle of a tree: what a larger tree has no use for. */
export function listPartialPaths(treeSize: number): string[] {
  const index = Math.floor(treeSize / TILE_WIDTH);
  const width = treeSize % TILE_WIDTH;
  const lowest: TileId[] =
    width === 0
      ? []
      : [
          { level: 'entries', index, width },
          { level: 0, index, width },
        ];
  return [...lowest, ...listPartialUppers(treeSize)].map(encodeTilePath);
}

/** Reads those files, at most `concurrency` steps ahead. A file that cannot be had for good is part of the answer. */
export async function* readSteps(
  source: LogSource,
  {
    treeSize,
    from,
    concurrency,
    signal,
  }: { treeSize: number; from: number; concurrency: number; signal?: AbortSignal },
): AsyncGenerator<ReadStep, void, undefined> {
  const gone = new AbortController();
  const either = signal ? AbortSignal.any([signal, gone.signal]) : gone.signal;
  const read = async ({ first, width, tiles }: Step): Promise<ReadStep> => {
    either.throwIfAborted();
    return { first, width, files: await Promise.all(tiles.map((tile) => readLogFile(source, tile, either))) };
  };
  try {
    yield* inOrder(listSteps(treeSize, from), concurrency, read);
  } finally {
    // Whoever stops in the middle leaves nothing running.
    gone.abort();
  }
}

async function readLogFile(source: LogSource, tile: TileId, signal: AbortSignal): Promise<ReadLogFile> {
  const path = encodeTilePath(tile);
  try {
    return { tile, path, bytes: await readTileFile(source, tile, signal) };
  } catch (error) {
    // What may pass says nothing about the log.
    if (!isAppError(error) || error.status >= 500) throw error;
    return { tile, path, refusal: { code: error.code, detail: error.message } };
  }
}

import { isAppError } from '@lucid/common/errors';
import { equalBytes } from '@lucid/common/formats/bytes';
import type { Checkpoint } from '@lucid/common/formats/checkpoint';
import { hashSubtree } from '@lucid/common/formats/hash-nodes';
import {
  consistencyNodes,
  emptyRootHash,
  foldNodes,
  HASH_SIZE,
  type NodeId,
  rootNodes,
  verifyConsistency,
} from '@lucid/common/formats/merkle';
import { TILE_WIDTH, type TileId, tileWidth } from '@lucid/common/formats/tiles';
import { logError } from './log-errors.ts';
import { type LogSource, readTileFile } from './log-source.ts';

const tileHeight = 8;

/**
 * Proves from the log's tiles, which need not be trusted, that `newer` only appends to `older` (RFC 6962 section 2.1.2):
 * some forty hashes, whatever the sizes. Throws LOG_FORKED when it does not, LOG_TREE_OLDER when it has fewer entries,
 * LOG_ROOT_MISMATCH when the tiles do not lead to the root of `newer`, so that they prove nothing, and what the source
 * rejects with.
 */
export async function requireConsistent(
  source: LogSource,
  older: Checkpoint,
  newer: Checkpoint,
  signal?: AbortSignal,
): Promise<void> {
  if (newer.treeSize < older.treeSize) {
    const detail = `It has ${newer.treeSize} entries; ${older.treeSize} were signed before.`;
    throw logError('LOG_TREE_OLDER', detail, { data: { older: older.treeSize, newer: newer.treeSize } });
  }
  const { treeSize: oldSize, rootHash: oldRoot } = older;
  const { treeSize: newSize, rootHash: newRoot } = newer;
  if (oldSize === 0 || oldSize === newSize) {
    if (!equalBytes(oldRoot, oldSize === 0 ? emptyRootHash() : newRoot)) throw forked(older, newer);
    return;
  }
  const nodes = new NodeReader(source, newSize, signal);
  const proof = await Promise.all(consistencyNodes(oldSize, newSize).map((path) => nodes.fold(path)));
  const foundRoot = await nodes.fold(rootNodes(oldSize));
  try {
    verifyConsistency({ oldSize, newSize, oldRoot: foundRoot, newRoot, proof });
  } catch (cause) {
    if (!isAppError(cause)) throw cause;
    const detail = `The tiles do not lead to the root that was signed of ${newSize} entries.`;
    throw logError('LOG_ROOT_MISMATCH', detail, { cause });
  }
  // The tiles are those of the newer tree: what they say of the older one is so.
  if (!equalBytes(foundRoot, oldRoot)) throw forked(older, newer);
}

export function forked(older: Checkpoint, newer: Checkpoint): Error {
  const detail = `The tree of ${newer.treeSize} entries does not contain the tree of ${older.treeSize} that was signed before.`;
  return logError('LOG_FORKED', detail, { data: { older: older.treeSize, newer: newer.treeSize } });
}

/** Reads the complete subtrees of a tree from its tiles, each tile once. */
class NodeReader {
  readonly #source: LogSource;
  readonly #treeSize: number;
  readonly #signal: AbortSignal | undefined;
  readonly #tiles = new Map<string, Promise<Uint8Array>>();

  constructor(source: LogSource, treeSize: number, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#treeSize = treeSize;
    this.#signal = signal;
  }

  async fold(path: readonly NodeId[]): Promise<Uint8Array> {
    return foldNodes(await Promise.all(path.map((node) => this.#readNode(node))));
  }

  async #readNode({ level: treeLevel, index }: NodeId): Promise<Uint8Array> {
    const level = Math.floor(treeLevel / tileHeight);
    const span = 2 ** (treeLevel % tileHeight);
    const first = index * span;
    const tileIndex = Math.floor(first / TILE_WIDTH);
    const width = tileWidth(level, tileIndex, this.#treeSize);
    const hashes = await this.#readTile({ level, index: tileIndex, width });
    const offset = (first % TILE_WIDTH) * HASH_SIZE;
    return hashSubtree(hashes, offset, span);
  }

  async #readTile(tile: TileId): Promise<Uint8Array> {
    const name = `${tile.level}/${tile.index}`;
    const read = this.#tiles.get(name) ?? readTileFile(this.#source, tile, this.#signal);
    this.#tiles.set(name, read);
    const hashes = await read;
    if (hashes.length === tile.width * HASH_SIZE) return hashes;
    throw logError('LOG_TILE_MISMATCH', `The tile ${name} is not of ${tile.width} hashes.`);
  }
}

import { hashSubtree } from './hash-nodes.ts';
import { emptyRootHash, foldNodes, HASH_SIZE } from './merkle.ts';
import { TILE_WIDTH } from './tiles.ts';

/** A full tile of some level above the leaves. */
export interface UpperTile {
  readonly level: number;
  readonly index: number;
  readonly hashes: Uint8Array;
}

/**
 * A tree that grows by full tiles of leaf hashes and keeps, of each level above, the hashes of the tile that is not full
 * yet: all that verifying a log from here on needs, in at most 8 KiB a level.
 */
export class TileRoots {
  /** How many leaves are in: a multiple of 256. */
  #position: number;
  /** Of tile levels 1, 2, …: hashes side by side. */
  readonly #levels: Uint8Array[];

  constructor(position = 0, levels: readonly Uint8Array[] = []) {
    this.#position = position;
    this.#levels = levels.map((hashes) => hashes.slice());
  }

  get position(): number {
    return this.#position;
  }

  /** Of tile levels 1, 2, …: the hashes of the tile that is not full yet, as they are to be stored. */
  get levels(): readonly Uint8Array[] {
    return this.#levels.map((hashes) => hashes.slice());
  }

  /** Adds the 256 leaf hashes of one tile; answers the tiles above that it completes, lowest first. */
  add(leafHashes: Uint8Array): UpperTile[] {
    this.#position += TILE_WIDTH;
    const completed: UpperTile[] = [];
    let root = hashSubtree(leafHashes, 0, TILE_WIDTH);
    for (let level = 1; ; level += 1) {
      const hashes = append(this.#levels[level - 1], root);
      if (hashes.length < TILE_WIDTH * HASH_SIZE) {
        this.#levels[level - 1] = hashes;
        return completed;
      }
      this.#levels[level - 1] = new Uint8Array(0);
      completed.push({ level, index: Math.floor(this.#position / TILE_WIDTH ** (level + 1)) - 1, hashes });
      root = hashSubtree(hashes, 0, TILE_WIDTH);
    }
  }

  /** The root of the tree with these leaf hashes, fewer than 257, after what is in. */
  rootWith(tail: Uint8Array): Uint8Array {
    if (this.#position + tail.length === 0) return emptyRootHash();
    const subtrees = this.#levels.toReversed().flatMap(perfectSubtrees);
    return foldNodes([...subtrees, ...perfectSubtrees(tail)]);
  }
}

function append(hashes: Uint8Array | undefined, hash: Uint8Array): Uint8Array {
  const longer = new Uint8Array((hashes?.length ?? 0) + HASH_SIZE);
  if (hashes) longer.set(hashes);
  longer.set(hash, longer.length - HASH_SIZE);
  return longer;
}

/** The roots of the largest complete subtrees over hashes side by side, left to right. */
function perfectSubtrees(hashes: Uint8Array): Uint8Array[] {
  const roots: Uint8Array[] = [];
  let offset = 0;
  for (let span = TILE_WIDTH; span >= 1; span /= 2) {
    const size = span * HASH_SIZE;
    if (hashes.length - offset < size) continue;
    roots.push(hashSubtree(hashes, offset, span));
    offset += size;
  }
  return roots;
}

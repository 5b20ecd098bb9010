import { hashPairs, hashSubtree } from '@lucid/common/formats/hash-nodes';
import { HASH_SIZE } from '@lucid/common/formats/merkle';
import { TILE_WIDTH } from '@lucid/common/formats/tiles';

/** A tile spans 8 levels of the tree; the nodes it holds itself are 256 + 128 + … + 2 (its root is the tile above's). */
export const tileHeight = 8;
const nodesPerTile = 2 * TILE_WIDTH - 2;
/** Stored with the hashes: the nodes half way up, each over 16 hashes. */
const middleHeight = 4;
const middleWidth = TILE_WIDTH >> middleHeight;
const hashesBytes = TILE_WIDTH * HASH_SIZE;
/** What is stored of a full tile: its 256 hashes and the 16 nodes half way up. */
export const storedTileBytes = hashesBytes + middleWidth * HASH_SIZE;

/** Where the nodes of one height within an expanded tile begin, in nodes. */
const heightOffset = (height: number): number => 2 * TILE_WIDTH - ((2 * TILE_WIDTH) >> height);

/** A tile with every node that is complete in it, height by height in one piece of memory. */
export class OpenTile {
  readonly index: number;
  count = 0;
  readonly nodes = new Uint8Array(nodesPerTile * HASH_SIZE);

  constructor(index: number) {
    this.index = index;
  }

  /** Takes `count` hashes from byte `from` of `source`; there must be room. Hashes once for each node it completes. */
  add(source: Uint8Array, from: number, count: number): void {
    const before = this.count;
    this.nodes.set(source.subarray(from, from + count * HASH_SIZE), before * HASH_SIZE);
    this.count += count;
    for (let height = 1; height < tileHeight; height += 1) {
      const done = before >> height;
      const more = (this.count >> height) - done;
      if (more === 0) continue;
      const below = (heightOffset(height - 1) + 2 * done) * HASH_SIZE;
      hashPairs(this.nodes, below, more, this.nodes, (heightOffset(height) + done) * HASH_SIZE);
    }
  }

  get isFull(): boolean {
    return this.count === TILE_WIDTH;
  }

  /** The root of a full tile, which is a hash of the tile level above. */
  get root(): Uint8Array {
    return hashSubtree(this.nodes, heightOffset(tileHeight - 1) * HASH_SIZE, 2);
  }

  /** The node at `height` (0 to 7) and `offset` in its row; undefined while it is not complete. */
  node(height: number, offset: number): Uint8Array | undefined {
    if (offset >= this.count >> height) return undefined;
    const start = (heightOffset(height) + offset) * HASH_SIZE;
    return this.nodes.subarray(start, start + HASH_SIZE);
  }

  /** Its first `width` hashes. */
  hashes(width: number): Uint8Array {
    return this.nodes.subarray(0, width * HASH_SIZE);
  }

  /** What is stored of it once it is full. */
  encode(): Uint8Array {
    const stored = Buffer.allocUnsafe(storedTileBytes);
    stored.set(this.hashes(TILE_WIDTH));
    const middle = heightOffset(middleHeight) * HASH_SIZE;
    stored.set(this.nodes.subarray(middle, middle + middleWidth * HASH_SIZE), hashesBytes);
    return stored;
  }
}

/** A full tile as it is stored: a node of it costs at most 7 hashes, all the nodes of a path at most 22. */
export class StoredTile {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  node(height: number, offset: number): Uint8Array {
    if (height < middleHeight) return hashSubtree(this.#bytes, (offset << height) * HASH_SIZE, 1 << height);
    const above = height - middleHeight;
    return hashSubtree(this.#bytes, hashesBytes + (offset << above) * HASH_SIZE, 1 << above);
  }

  get root(): Uint8Array {
    return hashSubtree(this.#bytes, hashesBytes, middleWidth);
  }

  hashes(width: number): Uint8Array {
    return this.#bytes.subarray(0, width * HASH_SIZE);
  }

  /** With every node worked out, for tiles that are read again and again. */
  expand(index: number): OpenTile {
    const tile = new OpenTile(index);
    tile.add(this.#bytes, 0, TILE_WIDTH);
    return tile;
  }
}

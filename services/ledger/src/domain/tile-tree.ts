import assert from 'node:assert/strict';
import { hashPair } from '@lucid/common/formats/hash-nodes';
import { emptyRootHash, HASH_SIZE } from '@lucid/common/formats/merkle';
import { TILE_WIDTH } from '@lucid/common/formats/tiles';
import { OpenTile, StoredTile, storedTileBytes, tileHeight } from './tile.ts';

/** A tile that has become full, as it is to be stored. */
export type FullTile = { readonly level: number; readonly index: number; readonly bytes: Uint8Array };

/** Reads what is stored of a full tile. */
export type ReadTile = (level: number, index: number) => Uint8Array | undefined;

export type TileTreeOptions = {
  /** Of the tiles above level 0, how many are kept with all their nodes (16 KiB each): 1024 cover 67 million leaves. */
  readonly upperMax?: number;
  /** Of the tiles of level 0, how many are kept as they are stored (8.5 KiB each). */
  readonly leavesMax?: number;
};

/** Counted work. */
export type TreeCounts = { reads: number; hits: number; proofs: number };

/**
 * The tree of a log as tiles: the partial tile of each level in memory, full tiles read through `readTile` and kept,
 * least recently used out first. What is appended grows the partial tiles in bulk.
 *
 * Nodes within the durable size never change, so readers may share the tree with the one writer that is ahead. A tile
 * that is full but not stored yet is held until `stored` says it is.
 */
export class TileTree {
  #treeSize = 0;
  readonly #tails: OpenTile[] = [];
  readonly #readTile: ReadTile;
  readonly #unstored = new Map<string, OpenTile>();
  readonly #upper: Kept<OpenTile>;
  readonly #leaves: Kept<StoredTile | OpenTile>;
  readonly counts: TreeCounts = { reads: 0, hits: 0, proofs: 0 };

  /** `tailHashes` are, of each level, the hashes of the tile that is not full, one after another; a new tree has none. */
  constructor(
    treeSize: number,
    tailHashes: readonly Uint8Array[],
    readTile: ReadTile,
    { upperMax = 1024, leavesMax = 256 }: TileTreeOptions = {},
  ) {
    this.#treeSize = treeSize;
    this.#readTile = readTile;
    this.#upper = new Kept(upperMax);
    this.#leaves = new Kept(leavesMax);
    for (const [level, hashes] of tailHashes.entries()) {
      const count = Math.floor(treeSize / TILE_WIDTH ** level);
      const inTail = hashes.length / HASH_SIZE;
      assert.equal(inTail, count % TILE_WIDTH, 'the tail of a level is what its last tile holds');
      const tail = (this.#tails[level] = new OpenTile(Math.floor(count / TILE_WIDTH)));
      tail.add(hashes, 0, inTail);
    }
  }

  /** The size with everything appended, durable or not. */
  get treeSize(): number {
    return this.#treeSize;
  }

  /** Appends `count` leaf hashes that lie in `hashes` from byte `from`; tiles that became full are added to `full`. */
  append(hashes: Uint8Array, from: number, count: number, full: FullTile[]): void {
    this.#add(0, hashes, from, count, full);
    this.#treeSize += count;
  }

  #add(level: number, hashes: Uint8Array, from: number, count: number, full: FullTile[]): void {
    for (let done = 0; done < count; ) {
      const tail = (this.#tails[level] ??= new OpenTile(0));
      const taken = Math.min(count - done, TILE_WIDTH - tail.count);
      tail.add(hashes, from + done * HASH_SIZE, taken);
      done += taken;
      if (!tail.isFull) return;
      full.push({ level, index: tail.index, bytes: tail.encode() });
      this.#unstored.set(tileKey(level, tail.index), tail);
      this.#tails[level] = new OpenTile(tail.index + 1);
      this.#add(level + 1, tail.root, 0, 1, full);
    }
  }

  /** Says that full tiles can be read from now on. */
  stored(full: readonly FullTile[]): void {
    for (const { level, index } of full) {
      const key = tileKey(level, index);
      const tile = this.#unstored.get(key);
      this.#unstored.delete(key);
      // The newest are asked for most, and are at hand with all their nodes.
      if (tile) (level === 0 ? this.#leaves : this.#upper).set(index + level * levelStep, tile);
    }
  }

  /** The root of the tree as it is: everything appended, durable or not. */
  root(): Uint8Array {
    let root: Uint8Array | undefined;
    for (const tail of this.#tails) {
      for (let height = 0; height < tileHeight; height += 1) {
        const row = tail.count >> height;
        if (row % 2 === 0) continue;
        const node = tail.node(height, row - 1);
        assert.ok(node, 'a node of the right edge is complete');
        root = root ? hashPair(node, root) : node;
      }
    }
    return root ? Uint8Array.from(root) : emptyRootHash();
  }

  /** The hash of the complete subtree (level, index) of the tree. It must be within what was appended. */
  readNode(treeLevel: number, index: number): Uint8Array {
    const level = Math.floor(treeLevel / tileHeight);
    const height = treeLevel % tileHeight;
    const perTile = TILE_WIDTH >> height;
    const tileIndex = Math.floor(index / perTile);
    const hash = this.#tile(level, tileIndex).node(height, index - tileIndex * perTile);
    assert.ok(hash, `node ${treeLevel}/${index} is not in the tree`);
    return hash;
  }

  /** The first `width` hashes of a tile, which must be within what was appended. */
  readTile(level: number, index: number, width: number): Uint8Array {
    const tile = this.#tile(level, index);
    assert.ok(!(tile instanceof OpenTile) || width <= tile.count, `tile ${level}/${index} is not ${width} wide`);
    return tile.hashes(width);
  }

  #tile(level: number, index: number): OpenTile | StoredTile {
    const tail = this.#tails[level];
    if (tail?.index === index) return tail;
    const kept = (level === 0 ? this.#leaves : this.#upper).get(index + level * levelStep);
    if (kept) {
      this.counts.hits += 1;
      return kept;
    }
    if (this.#unstored.size > 0) {
      const tile = this.#unstored.get(tileKey(level, index));
      if (tile) return tile;
    }
    return this.#load(level, index);
  }

  #load(level: number, index: number): OpenTile | StoredTile {
    this.counts.reads += 1;
    const bytes = this.#readTile(level, index);
    assert.equal(bytes?.length, storedTileBytes, `tile ${level}/${index} is stored whole`);
    const stored = new StoredTile(bytes);
    if (level === 0) return this.#leaves.set(index, stored);
    return this.#upper.set(index + level * levelStep, stored.expand(index));
  }
}

/** Tiles of a level are counted from here in the caches: a tree of 2^53 leaves has fewer than 2^45 of level 0. */
const levelStep = 2 ** 46;

const tileKey = (level: number, index: number): string => `${level}/${index}`;

/** The last used of some things by number. */
class Kept<Thing> {
  readonly #max: number;
  readonly #things = new Map<number, Thing>();

  constructor(max: number) {
    this.#max = max;
  }

  get(key: number): Thing | undefined {
    const thing = this.#things.get(key);
    if (thing === undefined) return undefined;
    this.#things.delete(key);
    this.#things.set(key, thing);
    return thing;
  }

  set<Added extends Thing>(key: number, thing: Added): Added {
    this.#things.set(key, thing);
    if (this.#things.size > this.#max) {
      for (const oldest of this.#things.keys()) {
        this.#things.delete(oldest);
        break;
      }
    }
    return thing;
  }
}

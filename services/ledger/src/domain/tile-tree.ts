import assert from 'node:assert/strict';
import { appendLeafHash, type CompactRange, copyCompactRange } from '@lucid/common/formats/compact-range';
import { HASH_SIZE, nodeHash } from '@lucid/common/formats/merkle';
import { TILE_WIDTH } from '@lucid/common/formats/tiles';

/** A tile spans 8 levels of the tree; its own nodes below the tile above are 256 + 128 + … + 2. */
const tileHeight = 8;
const nodesPerTile = 2 * TILE_WIDTH - 2;

/** Where the nodes of one height within a tile begin. */
const heightOffset = (height: number): number => 2 * TILE_WIDTH - ((2 * TILE_WIDTH) >> height);

/** What an append completes, and what must be stored with it. */
export interface TileSink {
  /** 256 hashes of a level, for ever. */
  tile(level: number, index: number, hashes: Uint8Array): void;
  /** The root of a full tile, which is node `index` of the tile level above it. */
  tileRoot(level: number, index: number, hash: Uint8Array): void;
}

/** Reads the 256 hashes of a full tile. */
export type ReadTile = (level: number, index: number) => Uint8Array | undefined;

/** A tile that is not full yet: the hashes of every height that are there. */
type Tail = { index: number; readonly heights: Uint8Array[][] };

const emptyTail = (index: number): Tail => ({ index, heights: Array.from({ length: tileHeight }, () => []) });

/**
 * The tree of a log as tiles: the compact range that grows, the partial tile of each level in memory, and full tiles
 * read through `readTile`, expanded to all their nodes and kept, least recently used out first.
 *
 * Nodes within the durable size never change, so readers may share the tree with the one writer that is ahead.
 */
export class TileTree {
  readonly #range: CompactRange;
  readonly #tails: Tail[] = [];
  readonly #readTile: ReadTile;
  readonly #expanded = new Map<string, Uint8Array>();
  readonly #expandedMax: number;

  /**
   * `range` and `tailHashes` (of each level, the hashes of the tile that is not full) are as stored; an empty tree
   * has none.
   */
  constructor(
    range: CompactRange,
    tailHashes: readonly (readonly Uint8Array[])[],
    readTile: ReadTile,
    expandedMax = 1024,
  ) {
    this.#range = copyCompactRange(range);
    this.#readTile = readTile;
    this.#expandedMax = expandedMax;
    for (const [level, hashes] of tailHashes.entries()) {
      const count = Math.floor(range.treeSize / TILE_WIDTH ** level);
      assert.equal(hashes.length, count % TILE_WIDTH, 'the tail of a level is what its last tile holds');
      this.#tails[level] = fillTail(Math.floor(count / TILE_WIDTH), hashes);
    }
  }

  /** The size with everything appended, durable or not. */
  get treeSize(): number {
    return this.#range.treeSize;
  }

  /** The right edge of the tree, as it is now. */
  get range(): CompactRange {
    return copyCompactRange(this.#range);
  }

  /** Appends a leaf and tells `sink` what became complete. */
  append(leafHash: Uint8Array, sink: TileSink): void {
    appendLeafHash(this.#range, leafHash, (level, index, hash) => this.#addNode(level, index, hash, sink));
  }

  #addNode(treeLevel: number, index: number, hash: Uint8Array, sink: TileSink): void {
    const level = Math.floor(treeLevel / tileHeight);
    const height = treeLevel % tileHeight;
    const tileIndex = Math.floor(index / (TILE_WIDTH >> height));
    const tail = (this.#tails[level] ??= emptyTail(tileIndex));
    assert.equal(tail.index, tileIndex, 'nodes arrive for the last tile of their level');
    const nodes = tail.heights[height];
    assert.ok(nodes);
    nodes.push(hash);
    if (height === 0 && level > 0) sink.tileRoot(level, index, hash);
    if (height !== tileHeight - 1 || nodes.length < 2) return;
    const expanded = concatHeights(tail.heights);
    sink.tile(level, tileIndex, expanded.subarray(0, TILE_WIDTH * HASH_SIZE));
    this.#keep(level, tileIndex, expanded);
    this.#tails[level] = emptyTail(tileIndex + 1);
  }

  /** The hash of the complete subtree (level, index) of the tree. It must be within what was appended. */
  readNode(treeLevel: number, index: number): Uint8Array {
    const level = Math.floor(treeLevel / tileHeight);
    const height = treeLevel % tileHeight;
    const perTile = TILE_WIDTH >> height;
    const tileIndex = Math.floor(index / perTile);
    const offset = index - tileIndex * perTile;
    const tail = this.#tails[level];
    if (tail?.index === tileIndex) {
      const hash = tail.heights[height]?.[offset];
      assert.ok(hash, `node ${treeLevel}/${index} is not in the tree`);
      return hash;
    }
    const start = (heightOffset(height) + offset) * HASH_SIZE;
    return this.#expand(level, tileIndex).subarray(start, start + HASH_SIZE);
  }

  /** The first `width` hashes of a tile, which must be within what was appended. */
  readTile(level: number, index: number, width: number): Uint8Array {
    const tail = this.#tails[level];
    if (tail?.index !== index) return this.#expand(level, index).subarray(0, width * HASH_SIZE);
    const hashes = tail.heights[0]?.slice(0, width) ?? [];
    assert.equal(hashes.length, width, `tile ${level}/${index} is not ${width} wide`);
    return Buffer.concat(hashes);
  }

  #expand(level: number, index: number): Uint8Array {
    const key = `${level}/${index}`;
    const kept = this.#expanded.get(key);
    if (kept) {
      this.#expanded.delete(key);
      this.#expanded.set(key, kept);
      return kept;
    }
    const hashes = this.#readTile(level, index);
    assert.equal(hashes?.length, TILE_WIDTH * HASH_SIZE, `tile ${key} is stored whole`);
    return this.#keep(level, index, expandTile(hashes));
  }

  #keep(level: number, index: number, expanded: Uint8Array): Uint8Array {
    this.#expanded.set(`${level}/${index}`, expanded);
    if (this.#expanded.size > this.#expandedMax) {
      for (const oldest of this.#expanded.keys()) {
        this.#expanded.delete(oldest);
        break;
      }
    }
    return expanded;
  }
}

/** A partial tile with every node that is complete in it. */
function fillTail(index: number, hashes: readonly Uint8Array[]): Tail {
  const tail = emptyTail(index);
  let below = [...hashes];
  for (const nodes of tail.heights) {
    nodes.push(...below);
    below = Array.from({ length: Math.floor(below.length / 2) }, (_, at) =>
      nodeHash(below[2 * at] as Uint8Array, below[2 * at + 1] as Uint8Array),
    );
  }
  return tail;
}

/** 256 hashes to the 510 nodes of their tile, height by height. */
function expandTile(hashes: Uint8Array): Uint8Array {
  const expanded = new Uint8Array(nodesPerTile * HASH_SIZE);
  expanded.set(hashes);
  const at = (node: number): Uint8Array => expanded.subarray(node * HASH_SIZE, (node + 1) * HASH_SIZE);
  for (let node = TILE_WIDTH; node < nodesPerTile; node += 1) {
    const below = (node - TILE_WIDTH) * 2;
    expanded.set(nodeHash(at(below), at(below + 1)), node * HASH_SIZE);
  }
  return expanded;
}

function concatHeights(heights: readonly Uint8Array[][]): Uint8Array {
  return Buffer.concat(heights.flat());
}

import { openCheckpoint, signCheckpoint } from '@lucid/common/formats/checkpoint';
import { emptyRootHash, HASH_SIZE } from '@lucid/common/formats/merkle';
import { parseVerifierKey } from '@lucid/common/formats/note';
import { TILE_WIDTH } from '@lucid/common/formats/tiles';
import { startError } from '../errors.ts';
import { AppendGroup } from './append-group.ts';
import type { PipelineLimits } from './append-pipeline.ts';
import { LeafIndex } from './leaf-index.ts';
import { type Endorse, Log, type LogObserver, type PublishedCheckpoint } from './log.ts';
import { type LogKey, signersOf } from './log-key.ts';
import type { LogStore, PublishedStore } from './log-store.ts';
import { rootAt } from './proofs.ts';
import { StoredTile, storedTileBytes } from './tile.ts';
import { TileTree } from './tile-tree.ts';

export type OpenLogParts = {
  readonly key: LogKey;
  readonly store: LogStore;
  readonly published: PublishedStore;
  /** Take a store that has entries though nothing says what was published: an operator's word, once. */
  readonly adoptStore: boolean;
  readonly observer?: LogObserver;
  /** Adds cosignatures to each checkpoint before it is published. */
  readonly endorse?: Endorse;
  /** Whether a published note has the cosignatures that are asked for now; those it lacks are got at open. */
  readonly isEndorsed?: (note: string) => Promise<boolean>;
  readonly limits?: Partial<PipelineLimits>;
  /** The least time between two checkpoints that nobody waits for. */
  readonly publishIntervalMs?: number;
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
};

/**
 * Rebuilds a log from its store and holds it against the last published checkpoint: a store that is behind it or has
 * another tree is an older or a foreign copy, and serving from it would contradict what others hold. Then publishes
 * what the store has beyond it. Throws LEDGER_STORE_FORMAT, LEDGER_STORE_BEHIND, LEDGER_STORE_FORKED, LEDGER_STORE_DAMAGED,
 * LEDGER_PUBLISHED_MISSING, LEDGER_PUBLISHED_INVALID, LEDGER_PUBLISHED_DAMAGED.
 */
export async function openLog(parts: OpenLogParts): Promise<Log> {
  const { key, store, published, observer, endorse } = parts;
  const { tree, leafIndex } = await restoreTree(store);
  const last = await readPublished(key, published);
  if (last) refuseOtherTree(tree, last);
  else if (tree.treeSize > 0 && !parts.adoptStore) {
    throw startError(
      'LEDGER_PUBLISHED_MISSING',
      'Restore it beside the store, or, if nobody holds a newer checkpoint, start once with LEDGER_ADOPT_STORE=true.',
    );
  }
  const lastPublished = await publishAtOpen(parts, tree, last);
  const isUnendorsed = (await parts.isEndorsed?.(lastPublished.note)) === false;
  const { limits, publishIntervalMs, sleep } = parts;
  return new Log({
    key,
    store,
    published,
    tree,
    leafIndex,
    lastPublished,
    isUnendorsed,
    ...(observer ? { observer } : {}),
    ...(endorse ? { endorse } : {}),
    ...(limits ? { limits } : {}),
    ...(publishIntervalMs === undefined ? {} : { publishIntervalMs }),
    ...(sleep ? { sleep } : {}),
  });
}

/**
 * The tree as the store has it: the tail of level 0 from the entries, those above from the tiles below them. At most
 * 255 entries and 255 tiles of each level are read, whatever the log's size; those of level 0 are also what the leaf
 * index holds in memory.
 */
async function restoreTree(store: LogStore): Promise<{ tree: TileTree; leafIndex: LeafIndex }> {
  const { treeSize, rootHash } = store.findState() ?? { treeSize: 0, rootHash: emptyRootHash() };
  const leafIndex = new LeafIndex(treeSize, (run, page) => store.findHashPage(run, page));
  const tails: Uint8Array[] = [];
  const lowest = await hashTail(store, treeSize);
  for (let level = 1; TILE_WIDTH ** level <= treeSize; level += 1) {
    const count = Math.floor(treeSize / TILE_WIDTH ** level);
    const roots = Buffer.alloc((count % TILE_WIDTH) * HASH_SIZE);
    for (let at = 0, first = count - (count % TILE_WIDTH); first + at < count; at += 1) {
      const tile = requireTile(store, level - 1, first + at);
      roots.set(tile.root, at * HASH_SIZE);
      if (level === 1) leafIndex.add(tile.hashes(TILE_WIDTH), 0, TILE_WIDTH, []);
    }
    tails[level] = roots;
  }
  tails[0] = lowest;
  leafIndex.add(lowest, 0, lowest.length / HASH_SIZE, []);
  const tree = new TileTree(treeSize, tails, (level, index) => store.findTile(level, index));
  // Tiles and tails must fold to the root the state was stored with.
  if (Buffer.compare(tree.root(), rootHash) === 0) return { tree, leafIndex };
  throw startError('LEDGER_STORE_DAMAGED', 'Restore it, with the published checkpoint, from a backup.');
}

async function hashTail(store: LogStore, treeSize: number): Promise<Uint8Array> {
  const group = new AppendGroup();
  for (const entry of await store.readEntries(treeSize - (treeSize % TILE_WIDTH), treeSize % TILE_WIDTH)) {
    group.addEntry(entry);
  }
  return group.hashes.subarray(0, group.count * HASH_SIZE);
}

function requireTile(store: LogStore, level: number, index: number): StoredTile {
  const bytes = store.findTile(level, index);
  if (bytes?.length === storedTileBytes) return new StoredTile(bytes);
  throw startError('LEDGER_STORE_DAMAGED', `Tile ${level}/${index} is not there.`);
}

async function readPublished(key: LogKey, published: PublishedStore): Promise<PublishedCheckpoint | undefined> {
  const note = await published.read();
  if (note === undefined) return undefined;
  try {
    const { origin, treeSize, rootHash } = await openCheckpoint(note, [parseVerifierKey(key.verifierKey)]);
    return { origin, treeSize, rootHash, note };
  } catch (cause) {
    throw startError(
      'LEDGER_PUBLISHED_INVALID',
      'LEDGER_KEY_FILE and LEDGER_ORIGIN_HOST must stay as they were.',
      cause,
    );
  }
}

function refuseOtherTree(tree: TileTree, last: PublishedCheckpoint): void {
  if (tree.treeSize < last.treeSize) {
    throw startError(
      'LEDGER_STORE_BEHIND',
      `It has ${tree.treeSize} entries, ${last.treeSize} were published. Restore the newest copy of the store.`,
    );
  }
  if (Buffer.compare(rootAt(tree, last.treeSize), last.rootHash) === 0) return;
  throw startError('LEDGER_STORE_FORKED', `At ${last.treeSize} entries the roots differ. Restore the log's own store.`);
}

/**
 * What is published when the log opens. The store is durable, so what it holds may be signed: after a crash, or for the
 * empty tree of a new log. Where checkpoints must be cosigned, that takes as long as it takes, and the log goes on from
 * the last one; a new log's first is of the empty tree, which says nothing, so it does not wait for anybody's signature.
 * What is published without the cosignatures that are asked for is published again with them once the log is open.
 */
async function publishAtOpen(
  { key, published, endorse }: OpenLogParts,
  tree: TileTree,
  last: PublishedCheckpoint | undefined,
): Promise<PublishedCheckpoint> {
  if (last && (endorse || last.treeSize === tree.treeSize)) return last;
  const treeSize = endorse ? 0 : tree.treeSize;
  const checkpoint = { origin: key.origin, treeSize, rootHash: rootAt(tree, treeSize) };
  const note = await signCheckpoint(checkpoint, signersOf(key));
  await published.write(note);
  return { ...checkpoint, note };
}

import { openCheckpoint, signCheckpoint } from '@lucid/common/formats/checkpoint';
import { type CompactRange, compactRangeRoot, createCompactRange } from '@lucid/common/formats/compact-range';
import { foldNodes, leafHash, rootNodes } from '@lucid/common/formats/merkle';
import { parseVerifierKey } from '@lucid/common/formats/note';
import { TILE_WIDTH } from '@lucid/common/formats/tiles';
import { startError } from '../errors.ts';
import { type Endorse, Log, type LogObserver, type PublishedCheckpoint } from './log.ts';
import type { LogKey } from './log-key.ts';
import type { LogStore, PublishedStore } from './log-store.ts';
import { rootAt } from './proofs.ts';
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
};

/**
 * Rebuilds a log from its store and holds it against the last published checkpoint: a store that is behind it or has
 * another tree is an older or a foreign copy, and serving from it would contradict what others hold. Then publishes
 * what the store has beyond it. Throws LEDGER_STORE_BEHIND, LEDGER_STORE_FORKED, LEDGER_STORE_DAMAGED,
 * LEDGER_PUBLISHED_MISSING, LEDGER_PUBLISHED_INVALID, LEDGER_PUBLISHED_DAMAGED.
 */
export async function openLog(parts: OpenLogParts): Promise<Log> {
  const { key, store, published, observer, endorse } = parts;
  const tree = await restoreTree(store);
  const last = await readPublished(key, published);
  if (last) refuseOtherTree(tree, last);
  else if (tree.treeSize > 0 && !parts.adoptStore) {
    throw startError(
      'LEDGER_PUBLISHED_MISSING',
      'Restore it beside the store, or, if nobody holds a newer checkpoint, start once with LEDGER_ADOPT_STORE=true.',
    );
  }
  const lastPublished = last?.treeSize === tree.treeSize ? last : await publishTree(key, published, tree);
  return new Log({
    key,
    store,
    published,
    tree,
    lastPublished,
    ...(observer ? { observer } : {}),
    ...(endorse ? { endorse } : {}),
  });
}

/** The tree as the store has it: the tail of level 0 from the entries, those above from the roots of full tiles. */
async function restoreTree(store: LogStore): Promise<TileTree> {
  const range = store.findState()?.range ?? createCompactRange();
  const tails: Uint8Array[][] = [];
  for (let count = range.treeSize, level = 0; count > 0; count = Math.floor(count / TILE_WIDTH), level += 1) {
    const inTail = count % TILE_WIDTH;
    tails.push(await readTail(store, level, count - inTail, inTail));
  }
  const tree = new TileTree(range, tails, (level, index) => store.findTile(level, index));
  requireSameRoot(tree, range);
  return tree;
}

async function readTail(store: LogStore, level: number, first: number, count: number): Promise<Uint8Array[]> {
  if (count === 0) return [];
  if (level > 0) return store.readTileRoots(level, first, count);
  return (await store.readEntries(first, count)).map(leafHash);
}

/** Tiles and tails must fold to the root the state was stored with. */
function requireSameRoot(tree: TileTree, range: CompactRange): void {
  const folded = foldNodes(rootNodes(range.treeSize).map(({ level, index }) => tree.readNode(level, index)));
  if (Buffer.compare(folded, compactRangeRoot(range)) === 0) return;
  throw startError('LEDGER_STORE_DAMAGED', 'Restore it, with the published checkpoint, from a backup.');
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

/** The store is durable, so what it holds may be signed: after a crash, or for the empty tree of a new log. */
async function publishTree(key: LogKey, published: PublishedStore, tree: TileTree): Promise<PublishedCheckpoint> {
  const checkpoint = { origin: key.origin, treeSize: tree.treeSize, rootHash: rootAt(tree, tree.treeSize) };
  const note = await signCheckpoint(checkpoint, [key.signer]);
  await published.write(note);
  return { ...checkpoint, note };
}

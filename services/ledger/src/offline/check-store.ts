import { isAppError } from '@lucid/common/errors';
import { equalBytes, toHex } from '@lucid/common/formats/bytes';
import { type Checkpoint, parseCheckpoint } from '@lucid/common/formats/checkpoint';
import { hashBundle } from '@lucid/common/formats/hash-bundle';
import { hashSubtree } from '@lucid/common/formats/hash-nodes';
import { HASH_SIZE } from '@lucid/common/formats/merkle';
import { sha256 } from '@lucid/common/formats/sha256';
import { TileRoots } from '@lucid/common/formats/tile-roots';
import { TILE_WIDTH } from '@lucid/common/formats/tiles';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { type HashRun, LeafIndex } from '../domain/leaf-index.ts';
import type { KeyedAppend, TreeState } from '../domain/log-store.ts';
import { storedTileBytes } from '../domain/tile.ts';
import { LevelLogStore } from '../store/level-log-store.ts';
import { openPublishedFile } from '../store/published-file.ts';
import { databaseIn, exists, type LogFolders, publishedPath, storePath } from './folders.ts';
import { type StoreProblem, storeProblem } from './offline-errors.ts';

export type CheckStoreOptions = {
  readonly folders: LogFolders;
  /** Checks the signatures of the published note; rejects with why they do not hold. Not checked unless given. */
  readonly openNote?: (note: string) => Promise<unknown>;
  readonly problemsMax?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (entryCount: number, treeSize: number) => void;
};

export type StoreReport = {
  readonly ok: boolean;
  /** Durable entries; 0 where the store does not say. */
  readonly treeSize: number;
  readonly rootHash: string | undefined;
  /** Of the checkpoint published last; undefined where there is none. */
  readonly publishedSize: number | undefined;
  readonly origin: string | undefined;
  readonly entryCount: number;
  readonly tileCount: number;
  readonly problems: readonly StoreProblem[];
};

/**
 * Checks a ledger's data folder offline: the published checkpoint, every entry, every tile, the leaf index, what is
 * remembered of Idempotency-Keys, and the roots of both. Reads only, but that LevelDB replays its log when it is opened, as every start does. Memory is flat.
 * Throws STORE_LOCKED while a ledger runs on the folder.
 */
export async function checkStore(options: CheckStoreOptions): Promise<StoreReport> {
  const { folders, problemsMax = 100 } = options;
  const problems: StoreProblem[] = [];
  const published = await readPublished(options, problems);
  const report = { treeSize: 0, rootHash: undefined, entryCount: 0, tileCount: 0 };
  const path = storePath(folders);
  const database = await databaseIn(path);
  if (database === 'none') problems.push(storeProblem('FSCK_STORE_MISSING', `There is no log in ${path}.`));
  if (database === 'headless') problems.push(storeProblem('FSCK_STORE_CORRUPT', `${path} has lost its file CURRENT.`));
  const found = database === 'whole' ? await checkOpened(options, published, problems) : report;
  return {
    ...found,
    ok: problems.length === 0,
    publishedSize: published?.treeSize,
    origin: published?.origin,
    problems: problems.slice(0, problemsMax),
  };
}

async function readPublished(
  { folders, openNote }: CheckStoreOptions,
  problems: StoreProblem[],
): Promise<Checkpoint | undefined> {
  const path = publishedPath(folders);
  if (!(await exists(path))) {
    problems.push(storeProblem('FSCK_PUBLISHED_MISSING', `There is no ${path}.`));
    return undefined;
  }
  let note: string | undefined;
  try {
    await using published = await openPublishedFile(path);
    note = await published.read();
  } catch (error) {
    if (!isAppError(error) || error.code === 'LEDGER_PUBLISHED_LOCKED') throw error;
    problems.push(storeProblem('FSCK_PUBLISHED_DAMAGED', `${path}: ${error.message}`));
    return undefined;
  }
  if (note === undefined) {
    problems.push(storeProblem('FSCK_PUBLISHED_MISSING', `${path} holds no checkpoint.`));
    return undefined;
  }
  await openNote?.(note).catch((error: unknown) => {
    problems.push(storeProblem('FSCK_PUBLISHED_UNTRUSTED', `${path}: ${textOf(error)}.`));
  });
  return parseCheckpoint(note);
}

async function checkOpened(options: CheckStoreOptions, published: Checkpoint | undefined, problems: StoreProblem[]) {
  const nothing = { treeSize: 0, rootHash: undefined, entryCount: 0, tileCount: 0 };
  let store: LevelLogStore;
  try {
    store = new LevelLogStore(await openLevelStore(storePath(options.folders), { compression: false }));
  } catch (error) {
    if (isAppError(error, 'STORE_LOCKED')) throw error;
    problems.push(storeProblem('FSCK_STORE_CORRUPT', textOf(error)));
    return nothing;
  }
  await using open = store;
  let state: TreeState | undefined;
  try {
    state = open.findState();
  } catch (error) {
    problems.push(storeProblem('FSCK_STATE_DAMAGED', textOf(error)));
    return nothing;
  }
  const check = new StoreCheck(open, state?.treeSize ?? 0, problems);
  await check.run(options, published);
  if (check.entryCount === check.treeSize) await check.checkKeys(options);
  if (published && published.treeSize > check.treeSize) {
    const detail = `${published.treeSize} entries were published; the store has ${check.treeSize}.`;
    problems.push(storeProblem('FSCK_STORE_BEHIND', detail));
  }
  if (state && check.rootHash && !equalBytes(check.rootHash, state.rootHash)) {
    problems.push(storeProblem('FSCK_ROOT_MISMATCH', 'The entries do not lead to the root the store was left with.'));
  }
  return {
    treeSize: check.treeSize,
    rootHash: check.rootHash && toHex(check.rootHash),
    entryCount: check.entryCount,
    tileCount: check.tileCount,
  };
}

/** Computes everything anew from the entries, and compares. */
class StoreCheck {
  readonly treeSize: number;
  rootHash: Uint8Array | undefined;
  entryCount = 0;
  tileCount = 0;
  readonly #store: LevelLogStore;
  readonly #problems: StoreProblem[];
  readonly #roots = new TileRoots();
  readonly #index = new LeafIndex(0, () => undefined);

  constructor(store: LevelLogStore, treeSize: number, problems: StoreProblem[]) {
    this.#store = store;
    this.treeSize = treeSize;
    this.#problems = problems;
  }

  async run(options: CheckStoreOptions, published: Checkpoint | undefined): Promise<void> {
    const { problemsMax = 100, signal, onProgress } = options;
    let tail: Uint8Array = new Uint8Array(0);
    for (let first = 0; first < this.treeSize && this.#problems.length < problemsMax; first += TILE_WIDTH) {
      signal?.throwIfAborted();
      const found = await this.#readLeaves(first, Math.min(TILE_WIDTH, this.treeSize - first));
      const hashes = found && this.#judge(first, found);
      // Without them nothing above or beyond can be computed.
      if (!hashes) return;
      this.#requirePublished(published, first, hashes);
      if (hashes.length === TILE_WIDTH * HASH_SIZE) this.#addTile(first, hashes);
      else tail = hashes;
      this.entryCount += hashes.length / HASH_SIZE;
      onProgress?.(this.entryCount, this.treeSize);
    }
    if (this.entryCount === this.treeSize) this.rootHash = this.#roots.rootWith(tail);
  }

  /** The leaf hashes of a bundle; of one that is damaged those of its tile, if there is one. */
  async #readLeaves(first: number, width: number): Promise<Uint8Array | undefined> {
    try {
      const bundle = await this.#store.readBundle(first / TILE_WIDTH, width);
      const hashes = hashBundle(Uint8Array.from(bundle), width);
      if (hashes) return hashes;
      this.#problems.push(
        storeProblem('FSCK_ENTRIES_DAMAGED', `Entries ${first} to ${first + width - 1} are not whole.`, first),
      );
    } catch (error) {
      const detail = `Entries ${first} to ${first + width - 1} cannot be read: ${textOf(error)}.`;
      this.#problems.push(storeProblem('FSCK_ENTRIES_DAMAGED', detail, first));
    }
    return width === TILE_WIDTH ? this.#findTile(0, first / TILE_WIDTH) : undefined;
  }

  /**
   * The leaf hashes to go on with. A stored tile carries the nodes half way up: one that agrees with itself was not
   * damaged, so where its entries lead to others it is they that were.
   */
  #judge(first: number, computed: Uint8Array): Uint8Array {
    if (computed.length < TILE_WIDTH * HASH_SIZE) return computed;
    const stored = this.#findTile(0, first / TILE_WIDTH);
    if (!stored || equalBytes(stored, computed) || !this.#isStored(0, first / TILE_WIDTH, stored)) return computed;
    let at = 0;
    while (equalBytes(leafAt(stored, at), leafAt(computed, at))) at += 1;
    const detail = `Entry ${first + at} is not the one whose hash was stored with it.`;
    this.#problems.push(storeProblem('FSCK_ENTRIES_DAMAGED', detail, first + at));
    return stored;
  }

  /** What came under an Idempotency-Key must be entries of the log, and those it was remembered for. */
  async checkKeys({ problemsMax = 100, signal }: CheckStoreOptions): Promise<void> {
    for await (const keyed of this.#store.readKeyed()) {
      signal?.throwIfAborted();
      if (this.#problems.length >= problemsMax) return;
      if (keyed && (await this.#isRemembered(keyed))) continue;
      const detail = `What is remembered of an Idempotency-Key is not of ${keyed ? 'its entries' : 'its form'}.`;
      this.#problems.push(storeProblem('FSCK_KEY_DAMAGED', detail));
    }
  }

  async #isRemembered({ firstIndex, count, fingerprint }: KeyedAppend): Promise<boolean> {
    const end = firstIndex + count;
    if (count < 1 || end > this.treeSize) return false;
    const parts: Uint8Array[] = [];
    for (let at = firstIndex; at < end; ) {
      const first = at - (at % TILE_WIDTH);
      const width = Math.min(TILE_WIDTH, this.treeSize - first);
      const hashes = this.#findTile(0, first / TILE_WIDTH) ?? (await this.#hashEntries(first, width));
      const until = Math.min(end, first + width);
      parts.push(hashes.slice((at - first) * HASH_SIZE, (until - first) * HASH_SIZE));
      at = until;
    }
    return equalBytes(sha256(Buffer.concat(parts)), fingerprint);
  }

  async #hashEntries(first: number, width: number): Promise<Uint8Array> {
    const bundle = await this.#store.readBundle(first / TILE_WIDTH, width);
    return hashBundle(Uint8Array.from(bundle), width) ?? new Uint8Array(0);
  }

  #findTile(level: number, index: number): Uint8Array | undefined {
    const tile = this.#store.findTile(level, index);
    return tile && tile.length >= TILE_WIDTH * HASH_SIZE ? tile.subarray(0, TILE_WIDTH * HASH_SIZE) : undefined;
  }

  #addTile(first: number, hashes: Uint8Array): void {
    this.#compareTile(0, first / TILE_WIDTH, hashes);
    for (const { level, index, hashes: above } of this.#roots.add(hashes)) this.#compareTile(level, index, above);
    const runs: HashRun[] = [];
    this.#index.add(hashes, 0, TILE_WIDTH, runs);
    for (const run of runs) this.#compareRun(run);
    this.#index.stored(runs);
  }

  #compareTile(level: number, index: number, hashes: Uint8Array): void {
    this.tileCount += 1;
    if (this.#isStored(level, index, hashes)) return;
    const leafIndex = index * TILE_WIDTH ** (level + 1);
    const detail = `Tile ${level}/${index} is ${this.#store.findTile(level, index) ? 'not what is below it' : 'not there'}.`;
    this.#problems.push(storeProblem('FSCK_TILE_DAMAGED', detail, leafIndex));
  }

  #isStored(level: number, index: number, hashes: Uint8Array): boolean {
    const stored = this.#store.findTile(level, index);
    return stored !== undefined && equalBytes(stored, withMiddle(hashes));
  }

  #compareRun({ run, pages }: HashRun): void {
    const wrong = pages.filter((page, at) => {
      const stored = this.#store.findHashPage(run, at);
      return !equalBytes(stored ?? new Uint8Array(0), page);
    });
    if (wrong.length === 0) return;
    const detail = `${wrong.length} pages of the leaf index of entries from ${run * 65_536} on are not what they should be.`;
    this.#problems.push(storeProblem('FSCK_INDEX_DAMAGED', detail, run * 65_536));
  }

  #requirePublished(published: Checkpoint | undefined, first: number, hashes: Uint8Array): void {
    if (!published || published.treeSize <= first || published.treeSize > first + hashes.length / HASH_SIZE) return;
    const root = this.#roots.rootWith(hashes.subarray(0, (published.treeSize - first) * HASH_SIZE));
    if (equalBytes(root, published.rootHash)) return;
    const detail = `At ${published.treeSize} entries the store has another root than was published.`;
    this.#problems.push(storeProblem('FSCK_STORE_FORKED', detail));
  }
}

function leafAt(hashes: Uint8Array, at: number): Uint8Array {
  return hashes.subarray(at * HASH_SIZE, (at + 1) * HASH_SIZE);
}

/** A tile as it is stored: its hashes, then the 16 nodes half way up. */
function withMiddle(hashes: Uint8Array): Uint8Array {
  const stored = new Uint8Array(storedTileBytes);
  stored.set(hashes);
  const width = hashes.length / (storedTileBytes - hashes.length);
  for (let at = hashes.length, first = 0; at < stored.length; at += HASH_SIZE, first += width) {
    stored.set(hashSubtree(hashes, first * HASH_SIZE, width), at);
  }
  return stored;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import type { CompactRange } from '@lucid/common/formats/compact-range';

/** What is known of a tree that is durable. */
export type TreeState = { readonly range: CompactRange };

/** An append that was asked for under an Idempotency-Key. */
export type KeyedAppend = { readonly fingerprint: Uint8Array; readonly firstIndex: number; readonly count: number };

/** Everything one commit makes durable, together or not at all. */
export type LogCommit = {
  readonly firstIndex: number;
  readonly entries: readonly Uint8Array[];
  readonly leafHashes: readonly Uint8Array[];
  readonly tiles: readonly { readonly level: number; readonly index: number; readonly hashes: Uint8Array }[];
  readonly tileRoots: readonly { readonly level: number; readonly index: number; readonly hash: Uint8Array }[];
  readonly keyed: readonly { readonly key: Uint8Array; readonly append: KeyedAppend }[];
  readonly range: CompactRange;
};

/**
 * Where a log's entries and tree are kept.
 *
 * The contract: `commit` is atomic and durable when it resolves; when it rejects its outcome is unknown and the store
 * takes no more commits (STORE_FAILED) until it is opened anew. Commits are called one at a time, each starting where
 * the one before ended. Reads see every commit that resolved, and may be called at any time.
 */
export interface LogStore extends AsyncDisposable {
  /** The tree of the last commit; undefined before the first. */
  findState(): TreeState | undefined;
  commit(commit: LogCommit): Promise<void>;
  /** Entries [first, first + count), all of them committed. */
  readEntries(first: number, count: number): Promise<Uint8Array[]>;
  /** The C2SP entry bundle: entries [256 index, 256 index + width), each after its uint16 size; all committed. */
  readBundle(index: number, width: number): Promise<Uint8Array>;
  /** The 256 hashes of a full tile. */
  findTile(level: number, index: number): Uint8Array | undefined;
  /** Roots of full tiles, as nodes [first, first + count) of the tile level above them (level ≥ 1). */
  readTileRoots(level: number, first: number, count: number): Promise<Uint8Array[]>;
  /** Indexes of entries whose leaf hash may be this one, ascending: the caller compares. */
  findLeafIndexes(leafHash: Uint8Array): AsyncIterable<number>;
  /** Whether the entry at this index is found by this leaf hash. */
  isIndexed(leafHash: Uint8Array, leafIndex: number): boolean;
  findKeyed(key: Uint8Array): KeyedAppend | undefined;
}

/**
 * The last checkpoint anybody can have seen, kept apart from the store so that an older copy of the store cannot pass
 * for the log. `write` is durable when it resolves; a crash within it leaves the old checkpoint or the new one.
 */
export interface PublishedStore extends AsyncDisposable {
  /** The signed note; undefined when there never was one. Throws LEDGER_PUBLISHED_DAMAGED. */
  read(): Promise<string | undefined>;
  write(note: string): Promise<void>;
}

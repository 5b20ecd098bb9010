import type { HashRun } from './leaf-index.ts';
import type { FullTile } from './tile-tree.ts';

/** What is known of a tree that is durable. */
export type TreeState = { readonly treeSize: number; readonly rootHash: Uint8Array };

/** An append that was asked for under an Idempotency-Key. */
export type KeyedAppend = { readonly fingerprint: Uint8Array; readonly firstIndex: number; readonly count: number };

/** Everything one commit makes durable, together or not at all. */
export type LogCommit = {
  readonly firstIndex: number;
  /** The entries, each after its uint16 big-endian size. */
  readonly packed: Uint8Array;
  readonly tiles: readonly FullTile[];
  readonly runs: readonly HashRun[];
  readonly keyed: readonly { readonly key: Uint8Array; readonly append: KeyedAppend }[];
  /** The tree with this commit in it. */
  readonly state: TreeState;
};

/**
 * Where a log's entries and tree are kept.
 *
 * The contract: `commit` is atomic and durable when it resolves; when it rejects its outcome is unknown and the store
 * takes no more commits (STORE_FAILED) until it is opened anew. Commits are called one at a time, each starting where
 * the one before ended; what is handed in is not used after it has settled. Reads see every commit that resolved, and
 * may be called at any time.
 */
export interface LogStore extends AsyncDisposable {
  /** The tree of the last commit; undefined before the first. Throws LEDGER_STORE_FORMAT, LEDGER_STORE_DAMAGED. */
  findState(): TreeState | undefined;
  commit(commit: LogCommit): Promise<void>;
  /** Entries [first, first + count), all of them committed. */
  readEntries(first: number, count: number): Promise<Uint8Array[]>;
  /** The C2SP entry bundle: entries [256 index, 256 index + width), each after its uint16 size; all committed. */
  readBundle(index: number, width: number): Promise<Uint8Array>;
  /** Entries [first, end) as they are stored: pieces of any number of entries, packed, in order, none cut. */
  readPacked(first: number, end: number): AsyncIterable<Uint8Array>;
  /** What is stored of a full tile: its 256 hashes, then its 16 nodes half way up. */
  findTile(level: number, index: number): Uint8Array | undefined;
  /** A page of a run of the leaf index. */
  findHashPage(run: number, page: number): Uint8Array | undefined;
  findKeyed(key: Uint8Array): KeyedAppend | undefined;
}

/**
 * The last checkpoint anybody can have seen, kept apart from the store so that an older copy of the store cannot pass
 * for the log. Whoever has it open is the only one, in whatever process.
 */
export interface PublishedStore extends AsyncDisposable {
  /** The signed note; undefined when there never was one. Throws LEDGER_PUBLISHED_DAMAGED. */
  read(): Promise<string | undefined>;
  /**
   * Replaces what was last read or written here, and nothing else: LEDGER_PUBLISHED_CHANGED when something else is
   * there by now. Durable when it resolves; a crash within it leaves the old checkpoint or the new one.
   */
  write(note: string): Promise<void>;
}

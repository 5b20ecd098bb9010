import { openCheckpoint } from '@lucid/common/formats/checkpoint';
import { appendLeafHash, compactRangeRoot, createCompactRange } from '@lucid/common/formats/compact-range';
import { HASH_SIZE, leafHash } from '@lucid/common/formats/merkle';
import { parseVerifierKey } from '@lucid/common/formats/note';
import { TILE_WIDTH } from '@lucid/common/formats/tiles';
import type { Log } from './log.ts';

/** What a check of the whole log found. */
export type LogReport = {
  readonly isValid: boolean;
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
  readonly tileCount: number;
  /** In words, the first ones; empty when the log holds. */
  readonly problems: readonly string[];
};

const problemsMax = 100;

/**
 * Reads the whole log as published and computes everything anew from the entries: every leaf, every full tile, the
 * leaf index, the root of the checkpoint and its signature. Memory is flat; the event loop is let go after each tile.
 */
export async function verifyLog(log: Log): Promise<LogReport> {
  const checkpoint = log.published;
  const problems: string[] = [];
  const report = (problem: string): void => {
    if (problems.length < problemsMax) problems.push(problem);
  };
  const rebuilt = new Rebuilt(log, report);
  for (let first = 0; first < checkpoint.treeSize; first += TILE_WIDTH) {
    await rebuilt.addBundle(first, Math.min(TILE_WIDTH, checkpoint.treeSize - first));
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  const rootHash = rebuilt.rootHash;
  if (Buffer.compare(rootHash, checkpoint.rootHash) !== 0) report("the entries do not lead to the checkpoint's root");
  await openCheckpoint(checkpoint.note, [parseVerifierKey(log.key.verifierKey)]).catch((error: unknown) =>
    report(`the checkpoint's signature does not hold: ${error instanceof Error ? error.message : String(error)}`),
  );
  const { treeSize } = checkpoint;
  return { isValid: problems.length === 0, treeSize, rootHash, tileCount: rebuilt.tileCount, problems };
}

/** The tree computed from nothing but the entries, compared with what is stored as it grows. */
class Rebuilt {
  readonly #log: Log;
  readonly #report: (problem: string) => void;
  readonly #range = createCompactRange();
  readonly #pending: Uint8Array[][] = [];
  tileCount = 0;

  constructor(log: Log, report: (problem: string) => void) {
    this.#log = log;
    this.#report = report;
  }

  get rootHash(): Uint8Array {
    return compactRangeRoot(this.#range);
  }

  async addBundle(first: number, count: number): Promise<void> {
    const entries = await this.#log.store.readEntries(first, count);
    for (const [offset, entry] of entries.entries()) {
      const hash = leafHash(entry);
      appendLeafHash(this.#range, hash, (level, index, node) => this.#addNode(level, index, node));
      if (!this.#log.store.isIndexed(hash, first + offset)) {
        this.#report(`entry ${first + offset} is not found by its hash`);
      }
    }
  }

  #addNode(treeLevel: number, index: number, hash: Uint8Array): void {
    if (treeLevel % 8 !== 0) return;
    const level = treeLevel / 8;
    const pending = (this.#pending[level] ??= []);
    pending.push(hash);
    if (pending.length < TILE_WIDTH) return;
    this.#pending[level] = [];
    this.tileCount += 1;
    const tileIndex = Math.floor(index / TILE_WIDTH);
    const stored = this.#log.store.findTile(level, tileIndex);
    if (stored?.length !== TILE_WIDTH * HASH_SIZE || Buffer.compare(stored, Buffer.concat(pending)) !== 0) {
      this.#report(`tile ${level}/${tileIndex} is not what its entries make it`);
    }
  }
}

import { openCheckpoint } from '@lucid/common/formats/checkpoint';
import { HASH_SIZE } from '@lucid/common/formats/merkle';
import { parseVerifierKey } from '@lucid/common/formats/note';
import { sha256Into } from '@lucid/common/formats/sha256';
import { TILE_WIDTH } from '@lucid/common/formats/tiles';
import { type HashRun, LeafIndex, runWidth } from './leaf-index.ts';
import type { Log } from './log.ts';
import { type FullTile, TileTree } from './tile-tree.ts';

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
const sizeBytes = 2;
/** The event loop is let go after so many entries. */
const turnEntries = 4096;

/**
 * Reads the whole log as published and computes everything anew from the entries: every leaf, every full tile, the
 * leaf index, the root of the checkpoint and its signature. Memory is flat; the event loop is let go again and again.
 */
export async function verifyLog(log: Log): Promise<LogReport> {
  const checkpoint = log.published;
  const problems: string[] = [];
  const report = (problem: string): void => {
    if (problems.length < problemsMax) problems.push(problem);
  };
  const rebuilt = new Rebuilt(log, report);
  for await (const packed of log.store.readPacked(0, checkpoint.treeSize)) {
    await rebuilt.add(packed);
    letGo(packed);
  }
  rebuilt.finish();
  const { rootHash } = rebuilt;
  if (rebuilt.treeSize !== checkpoint.treeSize || Buffer.compare(rootHash, checkpoint.rootHash) !== 0) {
    report("the entries do not lead to the checkpoint's root");
  }
  await openCheckpoint(checkpoint.note, [parseVerifierKey(log.key.verifierKey)]).catch((error: unknown) =>
    report(`the checkpoint's signature does not hold: ${error instanceof Error ? error.message : String(error)}`),
  );
  const { treeSize } = checkpoint;
  return { isValid: problems.length === 0, treeSize, rootHash, tileCount: rebuilt.tileCount, problems };
}

/**
 * Gives the memory of bytes that were read back at once: the collector would let tens of megabytes of them gather, since
 * they lie outside its heap. Nothing may use them afterwards; bytes in memory that others share are left alone.
 */
function letGo(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer && bytes.byteLength > buffer.byteLength / 2) buffer.transfer(0);
}

/** The tree computed from nothing but the entries, compared with what is stored as it grows. */
class Rebuilt {
  readonly #log: Log;
  readonly #report: (problem: string) => void;
  readonly #tree = new TileTree(0, [], () => undefined, { upperMax: 0, leavesMax: 0 });
  readonly #leafIndex = new LeafIndex(0, () => undefined);
  readonly #hashes = Buffer.allocUnsafeSlow(TILE_WIDTH * HASH_SIZE);
  #hashed = 0;
  #inTurn = 0;
  #scratch = Buffer.allocUnsafeSlow(64 * 1024 + 1);
  tileCount = 0;

  constructor(log: Log, report: (problem: string) => void) {
    this.#log = log;
    this.#report = report;
    this.#scratch[0] = 0;
  }

  get treeSize(): number {
    return this.#tree.treeSize;
  }

  get rootHash(): Uint8Array {
    return this.#tree.root();
  }

  async add(packed: Uint8Array): Promise<void> {
    const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.length);
    for (let start = 0; start < bytes.length; ) {
      const size = bytes.readUInt16BE(start);
      const end = start + sizeBytes + size;
      bytes.copy(this.#scratch, 1, start + sizeBytes, end);
      sha256Into(this.#scratch.subarray(0, size + 1), this.#hashes, this.#hashed * HASH_SIZE);
      this.#hashed += 1;
      if (this.#hashed === TILE_WIDTH) this.finish();
      start = end;
      this.#inTurn += 1;
      if (this.#inTurn < turnEntries) continue;
      this.#inTurn = 0;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /** Takes what is hashed into the tree. */
  finish(): void {
    const tiles: FullTile[] = [];
    const runs: HashRun[] = [];
    this.#tree.append(this.#hashes, 0, this.#hashed, tiles);
    this.#leafIndex.add(this.#hashes, 0, this.#hashed, runs);
    this.#tree.stored(tiles);
    this.#leafIndex.stored(runs);
    this.#hashed = 0;
    for (const tile of tiles) this.#compareTile(tile);
    for (const run of runs) this.#compareRun(run);
  }

  #compareTile({ level, index, bytes }: FullTile): void {
    this.tileCount += 1;
    const stored = this.#log.store.findTile(level, index);
    if (stored && Buffer.compare(stored, bytes) === 0) return;
    this.#report(`tile ${level}/${index} is not what its entries make it`);
  }

  #compareRun({ run, pages }: HashRun): void {
    const differs = (bytes: Uint8Array, page: number): boolean => {
      const stored = this.#log.store.findHashPage(run, page);
      return stored === undefined || Buffer.compare(stored, bytes) !== 0;
    };
    if (!pages.some(differs)) return;
    const first = run * runWidth;
    this.#report(`of entries ${first} to ${first + runWidth} not all are found by their hash`);
  }
}

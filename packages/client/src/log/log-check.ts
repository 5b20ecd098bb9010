import { isAppError } from '@lucid/common/errors';
import { equalBytes } from '@lucid/common/formats/bytes';
import type { Checkpoint, OpenedCheckpoint } from '@lucid/common/formats/checkpoint';
import { hashBundle } from '@lucid/common/formats/hash-bundle';
import { hashSubtree } from '@lucid/common/formats/hash-nodes';
import { HASH_SIZE } from '@lucid/common/formats/merkle';
import { TileRoots, type UpperTile } from '@lucid/common/formats/tile-roots';
import { TILE_WIDTH, tileWidth } from '@lucid/common/formats/tiles';
import { forked, requireConsistent } from './consistency.ts';
import { type LogProblem, logError } from './log-errors.ts';
import type { LogProgress } from './log-progress.ts';
import { type LogSource, readTileFile } from './log-source.ts';
import { type ReadLogFile, type ReadStep, readSteps } from './log-steps.ts';

export interface LogCheckParts {
  readonly source: LogSource;
  readonly note: string;
  /** What `note` says, its signatures good. */
  readonly checkpoint: OpenedCheckpoint;
  readonly earlier: readonly Checkpoint[];
  readonly progress?: LogProgress;
  readonly concurrency: number;
  readonly signal?: AbortSignal;
}

/** One bundle with its tiles, checked: each file is the one the tree commits to unless there is a problem. */
export interface CheckedStep {
  readonly files: readonly { readonly path: string; readonly bytes: Uint8Array }[];
  readonly problems: readonly LogProblem[];
  /** The root has been compared too: without a problem in any step the log holds. */
  readonly isLast: boolean;
}

/** A run over a log's files, a bundle at a time, in order. */
export class LogCheck {
  readonly checkpoint: OpenedCheckpoint;
  readonly containedSizes: number[] = [];
  /** Where the run begins: at the progress it was given, if that holds; else at 0. */
  readonly startedAt: number;
  fileCount = 0;
  byteCount = 0;
  readonly #parts: LogCheckParts;
  readonly #roots: TileRoots;
  /** Earlier trees that are still to be met, smallest first. */
  readonly #ahead: Checkpoint[];
  #tail: Uint8Array = new Uint8Array(0);
  #hasProblem = false;

  private constructor(parts: LogCheckParts) {
    this.#parts = parts;
    this.checkpoint = parts.checkpoint;
    this.startedAt = parts.progress?.position ?? 0;
    this.#roots = new TileRoots(parts.progress?.position, parts.progress?.levels);
    this.#ahead = parts.earlier.toSorted((a, b) => a.treeSize - b.treeSize);
  }

  /** Throws LOG_ORIGIN_OTHER, LOG_TREE_OLDER, and LOG_FORKED for an earlier tree within what is not read again. */
  static async open(parts: LogCheckParts): Promise<LogCheck> {
    const { source, checkpoint, signal } = parts;
    for (const { origin, treeSize } of [
      ...parts.earlier,
      ...(parts.progress ? [{ ...parts.progress, treeSize: 0 }] : []),
    ]) {
      if (origin !== checkpoint.origin) {
        throw logError('LOG_ORIGIN_OTHER', `The log is ${checkpoint.origin}; what was kept is of ${origin}.`);
      }
      if (treeSize > checkpoint.treeSize) await requireConsistent(source, { ...checkpoint, treeSize }, checkpoint);
    }
    const { progress, ...anew } = parts;
    const check = new LogCheck(progress && (await isWithin(source, progress, checkpoint, signal)) ? parts : anew);
    while (
      (check.#ahead[0]?.treeSize ?? Number.POSITIVE_INFINITY) < check.#roots.position ||
      check.#ahead[0]?.treeSize === 0
    ) {
      const earlier = check.#ahead.shift() as Checkpoint;
      await requireConsistent(source, earlier, checkpoint, signal);
      check.containedSizes.push(earlier.treeSize);
    }
    return check;
  }

  /** The signed note that is verified. */
  get note(): string {
    return this.#parts.note;
  }

  get treeSize(): number {
    return this.checkpoint.treeSize;
  }

  /** How many entries are verified, those of earlier runs included. */
  get entryCount(): number {
    return this.#roots.position + this.#tail.length / HASH_SIZE;
  }

  /** What another run can go on from; undefined once something did not hold. */
  progress(): LogProgress | undefined {
    if (this.#hasProblem) return undefined;
    const { origin } = this.checkpoint;
    return { origin, position: this.#roots.position, levels: this.#roots.levels, checkpoint: this.note };
  }

  async *steps(): AsyncGenerator<CheckedStep, void, undefined> {
    const { source, concurrency, signal } = this.#parts;
    const range = { treeSize: this.treeSize, from: this.#roots.position, concurrency, ...(signal ? { signal } : {}) };
    for await (const step of readSteps(source, range)) {
      signal?.throwIfAborted();
      const problems = step.width === 0 ? this.#finish(step) : await this.#checkLeaves(step);
      this.#hasProblem ||= problems === undefined || problems.length > 0;
      const files = step.files.flatMap(({ path, bytes }) => (bytes ? [{ path, bytes }] : []));
      this.fileCount += files.length;
      for (const { bytes } of files) this.byteCount += bytes.length;
      // Without the leaf hashes of a place nothing can be said of what is above and beyond it.
      yield { files, problems, isLast: step.width === 0 || this.#isStuck };
      if (this.#isStuck) return;
    }
  }

  #isStuck = false;

  async #checkLeaves({ first, width, files }: ReadStep): Promise<LogProblem[]> {
    const [bundle, tile, ...uppers] = files;
    const problems = files.flatMap(problemOf);
    const computed = bundle?.bytes && hashBundle(bundle.bytes, width);
    if (bundle?.bytes && !computed) {
      problems.push(problem('LOG_BUNDLE_MALFORMED', bundle, `is no bundle of ${width} entries`, first));
    }
    const stored = tile?.bytes?.length === width * HASH_SIZE ? tile.bytes : undefined;
    if (tile?.bytes && !stored) problems.push(problem('LOG_TILE_MISMATCH', tile, `has not ${width} hashes`, first));
    let hashes = computed ?? stored;
    if (bundle && tile && computed && stored && !isSame(computed, stored)) {
      const { isTileRight, found } = await this.#judge({ first, bundle, tile, computed, stored });
      problems.push(found);
      if (isTileRight) hashes = stored;
    }
    if (!hashes) {
      this.#isStuck = true;
      return problems;
    }
    problems.push(...this.#meetEarlier(first, hashes));
    if (width < TILE_WIDTH) this.#tail = hashes;
    else problems.push(...compareUppers(this.#roots.add(hashes), uppers));
    return problems;
  }

  /** Which of two that differ is right: the one that leads to the hash above them. */
  async #judge(at: {
    readonly first: number;
    readonly bundle: ReadLogFile;
    readonly tile: ReadLogFile;
    readonly computed: Uint8Array;
    readonly stored: Uint8Array;
  }): Promise<{ isTileRight: boolean; found: LogProblem }> {
    const { first, computed, stored } = at;
    const isTileRight =
      stored.length === TILE_WIDTH * HASH_SIZE && (await this.#isAbove(first, hashSubtree(stored, 0, TILE_WIDTH)));
    if (
      !isTileRight &&
      computed.length === TILE_WIDTH * HASH_SIZE &&
      (await this.#isAbove(first, hashSubtree(computed, 0, TILE_WIDTH)))
    ) {
      return { isTileRight, found: problem('LOG_TILE_MISMATCH', at.tile, 'is not the hashes of its entries', first) };
    }
    let entry = 0;
    while (equalBytes(part(computed, entry), part(stored, entry))) entry += 1;
    const leafIndex = first + entry;
    return {
      isTileRight,
      found: problem('LOG_ENTRY_MISMATCH', at.bundle, `has another entry ${leafIndex} than the tree`, leafIndex),
    };
  }

  async #isAbove(first: number, hash: Uint8Array): Promise<boolean> {
    const node = first / TILE_WIDTH;
    const index = Math.floor(node / TILE_WIDTH);
    const tile = { level: 1, index, width: tileWidth(1, index, this.treeSize) };
    const above = await readTileFile(this.#parts.source, tile, this.#parts.signal).catch(() => undefined);
    return above !== undefined && equalBytes(part(above, node % TILE_WIDTH), hash);
  }

  /** Compares the root of each earlier tree that ends among these leaves. */
  #meetEarlier(first: number, hashes: Uint8Array): LogProblem[] {
    const problems: LogProblem[] = [];
    for (let next = this.#ahead[0]; next && next.treeSize <= first + hashes.length / HASH_SIZE; next = this.#ahead[0]) {
      this.#ahead.shift();
      const root = this.#roots.rootWith(hashes.subarray(0, (next.treeSize - first) * HASH_SIZE));
      if (equalBytes(root, next.rootHash)) this.containedSizes.push(next.treeSize);
      else problems.push({ code: 'LOG_FORKED', detail: forked(next, this.checkpoint).message });
    }
    return problems;
  }

  #finish({ files }: ReadStep): LogProblem[] {
    const problems = files.flatMap(problemOf);
    const partials = this.#roots.levels.map((hashes, above) => ({ level: above + 1, hashes }));
    problems.push(...this.#meetEarlier(this.#roots.position, this.#tail), ...compareUppers(partials, files));
    const { treeSize, rootHash } = this.checkpoint;
    if (!equalBytes(this.#roots.rootWith(this.#tail), rootHash)) {
      problems.push({ code: 'LOG_ROOT_MISMATCH', detail: `The ${treeSize} entries do not lead to the signed root.` });
    }
    return problems;
  }
}

/**
 * Whether what was verified before is a part of this tree. A run that was stopped had not come to a signed root yet: it
 * may have gone on from what somebody else put into the log's place, and nobody is to be blamed for that later.
 */
async function isWithin(
  source: LogSource,
  { origin, position, levels }: LogProgress,
  checkpoint: Checkpoint,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const rootHash = new TileRoots(position, levels).rootWith(new Uint8Array(0));
  try {
    await requireConsistent(source, { origin, treeSize: position, rootHash }, checkpoint, signal);
    return true;
  } catch (error) {
    if (!isAppError(error) || error.status >= 500) throw error;
    return false;
  }
}

/** As `equalBytes`, four bytes at a time where they lie so: every tile of a log is compared. */
function isSame(left: Uint8Array, right: Uint8Array): boolean {
  const isEven = (bytes: Uint8Array): boolean => bytes.byteOffset % 4 === 0 && bytes.length % 4 === 0;
  if (left.length !== right.length || !isEven(left) || !isEven(right)) return equalBytes(left, right);
  const a = new Uint32Array(left.buffer, left.byteOffset, left.length / 4);
  const b = new Uint32Array(right.buffer, right.byteOffset, right.length / 4);
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  return at === a.length;
}

function part(hashes: Uint8Array, at: number): Uint8Array {
  return hashes.subarray(at * HASH_SIZE, (at + 1) * HASH_SIZE);
}

function problem(code: string, { path }: ReadLogFile, detail: string, leafIndex?: number): LogProblem {
  return { code, detail: `${path} ${detail}.`, path, ...(leafIndex === undefined ? {} : { leafIndex }) };
}

function problemOf({ path, refusal }: ReadLogFile): LogProblem[] {
  return refusal ? [{ ...refusal, path }] : [];
}

function compareUppers(
  computed: readonly Pick<UpperTile, 'level' | 'hashes'>[],
  files: readonly ReadLogFile[],
): LogProblem[] {
  return files.flatMap((file) => {
    const expected = computed.find(({ level }) => level === file.tile.level);
    if (!file.bytes || (expected && isSame(expected.hashes, file.bytes))) return [];
    return [problem('LOG_TILE_MISMATCH', file, 'is not the roots of the tiles below it')];
  });
}

import { isAppError } from '@lucid/common/errors';
import { toHex } from '@lucid/common/formats/bytes';
import { type OpenedCheckpoint, openCheckpoint } from '@lucid/common/formats/checkpoint';
import { openTrustedCheckpoint, type TlogPolicy } from '@lucid/common/formats/policy';
import { LogCheck } from './log-check.ts';
import { type LogProblem, logError } from './log-errors.ts';
import type { LogProgress } from './log-progress.ts';
import { type LogSource, readCheckpointFile } from './log-source.ts';

export interface VerifyLogOptions {
  readonly source: LogSource;
  /** Which logs, which witnesses, and how many of these must have signed: `parsePolicy`. */
  readonly policy: TlogPolicy;
  /** The checkpoint to verify the log against; the source's own unless given. */
  readonly checkpoint?: Uint8Array | string;
  /** Checkpoints of the log that the reader has kept: the log's tree must contain each of theirs. */
  readonly earlier?: readonly (Uint8Array | string)[];
  /** Where a run before stopped: what it has verified is not read again, if it is a part of the log's tree. */
  readonly progress?: LogProgress;
  /** How many bundles, each with its tiles, are read ahead: 16 unless given. At most 16 MiB each. */
  readonly concurrency?: number;
  /** After so many problems the run ends; 100 unless given. */
  readonly problemsMax?: number;
  readonly signal?: AbortSignal;
  /** Told after each bundle. What it returns is waited for, so that progress can be kept. */
  readonly onProgress?: (verified: LogAdvance) => Promise<void> | void;
}

/** How far a run is. */
export interface LogAdvance {
  readonly entryCount: number;
  readonly treeSize: number;
  /** Read in this run, bytes. */
  readonly byteCount: number;
  /** What to go on from; undefined once a problem was found, after which nothing more is vouched for. */
  progress(): LogProgress | undefined;
}

export interface LogVerification {
  readonly ok: boolean;
  readonly origin: string | undefined;
  readonly treeSize: number;
  /** Lower-case hex. */
  readonly rootHash: string | undefined;
  /** Who signed, by key name: the log, and those witnesses that the policy lists. */
  readonly signers: readonly string[];
  /** Where this run began: 0, or where the one before stopped. */
  readonly resumedAt: number;
  /** Counted work of this run. */
  readonly entryCount: number;
  readonly fileCount: number;
  readonly byteCount: number;
  /** Sizes of the earlier trees that this one was proven to contain. */
  readonly containedSizes: readonly number[];
  /** In the order they were met; at most `problemsMax`. */
  readonly problems: readonly LogProblem[];
  /** What the next run can go on from; undefined where a problem was found. */
  readonly progress: LogProgress | undefined;
}

/**
 * Verifies a whole log as a stranger: the checkpoint's signatures under the policy, every entry against the tile of its
 * leaf hash, every tile against the one above, the root, and that every earlier checkpoint's tree is a part of this one.
 * In Node and a browser; memory is flat. What the log serves never throws but is reported; rejects when a source stays
 * away (status 500 and more) or the signal is aborted.
 */
export async function verifyLog(options: VerifyLogOptions): Promise<LogVerification> {
  const { problemsMax = 100, onProgress } = options;
  const problems: LogProblem[] = [];
  let check: LogCheck | undefined;
  try {
    check = await openLogCheck(options);
    for await (const step of check.steps()) {
      problems.push(...step.problems);
      if (problems.length >= problemsMax || step.isLast) break;
      await onProgress?.(advanceOf(check));
    }
  } catch (error) {
    if (!isAppError(error) || error.status >= 500) throw error;
    problems.push({ code: error.code, detail: error.message });
  }
  const { checkpoint } = check ?? {};
  return {
    ok: problems.length === 0,
    origin: checkpoint?.origin,
    treeSize: checkpoint?.treeSize ?? 0,
    rootHash: checkpoint && toHex(checkpoint.rootHash),
    signers: checkpoint?.verified.map(({ verifier }) => verifier.name) ?? [],
    resumedAt: check?.startedAt ?? 0,
    entryCount: check ? check.entryCount - check.startedAt : 0,
    fileCount: check?.fileCount ?? 0,
    byteCount: check?.byteCount ?? 0,
    containedSizes: check?.containedSizes ?? [],
    problems: problems.slice(0, problemsMax),
    progress: problems.length === 0 ? check?.progress() : undefined,
  };
}

function advanceOf(check: LogCheck): LogAdvance {
  const { entryCount, treeSize, byteCount } = check;
  return { entryCount, treeSize, byteCount, progress: () => check.progress() };
}

/** Opens the checkpoints and holds them against each other. Throws what they are refused with. */
export async function openLogCheck(options: VerifyLogOptions): Promise<LogCheck> {
  const { source, policy, progress, signal } = options;
  const note = options.checkpoint ?? (await readCheckpointFile(source, signal));
  const checkpoint = await openTrustedCheckpoint(note, policy);
  const earlier: OpenedCheckpoint[] = [];
  // What the log has signed counts against it, whoever else has signed.
  for (const kept of [...(options.earlier ?? []), ...(progress ? [progress.checkpoint] : [])]) {
    earlier.push(await openCheckpoint(kept, policy.logs, policy.witnesses));
  }
  return await LogCheck.open({
    source,
    note: typeof note === 'string' ? note : new TextDecoder().decode(note),
    checkpoint,
    earlier,
    ...(progress ? { progress } : {}),
    ...(signal ? { signal } : {}),
    concurrency: options.concurrency ?? 16,
  });
}

/**
 * The entries of a log in order, packed as its bundles are, each verified when it comes. Throws the first problem's code
 * with the problems as `data`; that the root is the checkpoint's is known when it has ended without.
 */
export async function* readBundles(
  options: VerifyLogOptions,
): AsyncGenerator<{ readonly bytes: Uint8Array; readonly count: number }, void, undefined> {
  const check = await openLogCheck(options);
  let done = 0;
  for await (const { files, problems } of check.steps()) {
    const [first] = problems;
    if (first) throw logError(first.code, first.detail, { data: { problems } });
    const [bundle] = files;
    const count = check.entryCount - done;
    if (bundle && count > 0) yield { bytes: bundle.bytes, count };
    done = check.entryCount;
  }
}

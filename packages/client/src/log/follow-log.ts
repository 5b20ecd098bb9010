import { equalBytes } from '@lucid/common/formats/bytes';
import { type OpenedCheckpoint, openCheckpoint } from '@lucid/common/formats/checkpoint';
import { openTrustedCheckpoint, type TlogPolicy } from '@lucid/common/formats/policy';
import type { CheckpointFeed } from './checkpoint-feed.ts';
import { forked, requireConsistent } from './consistency.ts';
import { logError } from './log-errors.ts';
import type { LogSource } from './log-source.ts';

export interface FollowLogOptions {
  /** Where the tiles are that prove consistency. */
  readonly source: LogSource;
  readonly feed: CheckpointFeed;
  readonly policy: TlogPolicy;
  /** The newest checkpoint the reader has: what comes must contain its tree. */
  readonly earlier?: Uint8Array | string;
  readonly signal: AbortSignal;
}

/** A checkpoint whose signatures are good and whose tree contains the one before. */
export interface FollowedCheckpoint {
  readonly note: string;
  readonly checkpoint: OpenedCheckpoint;
  /** The size of the tree it was proven to contain; undefined for the first of all. */
  readonly containedSize: number | undefined;
}

/**
 * Follows a log: yields each checkpoint once it is known to be signed as the policy asks and to append to the one
 * before. One that is smaller than the newest (a cache that is behind) is held against it and passed over. Ends with the
 * signal, by its reason; throws LOG_FORKED, LOG_ORIGIN_OTHER, what a checkpoint is refused with, and what the feed ends
 * with. Disconnects are the feed's affair.
 */
export async function* followLog(options: FollowLogOptions): AsyncGenerator<FollowedCheckpoint, void, undefined> {
  const { source, feed, policy, signal } = options;
  let newest: OpenedCheckpoint | undefined;
  if (options.earlier !== undefined) newest = await openCheckpoint(options.earlier, policy.logs, policy.witnesses);
  for await (const received of feed(signal)) {
    signal.throwIfAborted();
    const note = typeof received === 'string' ? received : new TextDecoder().decode(received);
    const checkpoint = await openTrustedCheckpoint(note, policy);
    if (newest && newest.origin !== checkpoint.origin) {
      throw logError('LOG_ORIGIN_OTHER', `The log is ${checkpoint.origin}; what was kept is of ${newest.origin}.`);
    }
    if (newest && checkpoint.treeSize <= newest.treeSize) {
      await requireBehind(source, checkpoint, newest, signal);
      continue;
    }
    if (newest) await requireConsistent(source, newest, checkpoint, signal);
    yield { note, checkpoint, containedSize: newest?.treeSize };
    newest = checkpoint;
  }
}

async function requireBehind(
  source: LogSource,
  behind: OpenedCheckpoint,
  newest: OpenedCheckpoint,
  signal: AbortSignal,
): Promise<void> {
  if (behind.treeSize < newest.treeSize) return await requireConsistent(source, behind, newest, signal);
  if (!equalBytes(behind.rootHash, newest.rootHash)) throw forked(behind, newest);
}

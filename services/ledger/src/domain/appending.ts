import { isAppError } from '@lucid/common/errors';
import { leafHash } from '@lucid/common/formats/merkle';
import type { Identity } from '@lucid/common/http/identity';
import { requireEntry, requireWriter } from './entries.ts';
import type { AppendRequest, AppendWaiter, Log, PublishedCheckpoint } from './log.ts';
import { type PackedEntries, requireWriterOfAll } from './packed-entries.ts';
import { encodeReceipt, inclusionProof } from './proofs.ts';

/** Who appends, and the Idempotency-Key if one was given. */
export type Appender = { readonly identity: Identity; readonly key?: string | undefined };

/** How long an append waits for the checkpoint over it when a receipt was asked for, ms. */
export const receiptTimeoutMs = 10_000;

function keyOf({ identity, key }: Appender): Pick<AppendRequest, 'key'> {
  return key === undefined ? {} : { key: { subject: identity.subject, text: key } };
}

/**
 * Appends one entry for a caller. Throws LEDGER_ENTRY_EMPTY, LEDGER_ENTRY_TOO_LARGE, LEDGER_ENTRY_RESERVED, and what
 * `Log.append` throws.
 */
export async function appendEntry(
  log: Log,
  entry: Uint8Array,
  appender: Appender,
): Promise<{ leafIndex: number; leafHash: Uint8Array }> {
  requireWriter(requireEntry(entry), appender.identity);
  const { firstIndex, leafHashes } = await log.append({ entries: [entry], ...keyOf(appender) });
  return { leafIndex: firstIndex, leafHash: leafHashes[0] ?? leafHash(entry) };
}

/** As `appendEntry`, without a promise. Throws what it throws before the log is asked; the rest goes to `waiter`. */
export function appendOne(log: Log, entry: Uint8Array, appender: Appender, waiter: AppendWaiter): void {
  requireWriter(requireEntry(entry), appender.identity);
  log.appendOne(entry, waiter, keyOf(appender).key);
}

/** Appends packed entries for a caller, all or none. Throws LEDGER_ENTRY_RESERVED, and what `Log.appendPacked` throws. */
export async function appendEntries(
  log: Log,
  packed: PackedEntries,
  appender: Appender,
): Promise<{ firstIndex: number; count: number }> {
  requireWriterOfAll(packed, appender.identity);
  return await log.appendPacked({ ...packed, ...keyOf(appender) });
}

/** A checkpoint over `treeSize` durable entries; undefined when none is published within the time, or cosigned as it must be. */
export async function checkpointWithin(
  log: Log,
  treeSize: number,
  timeoutMs = receiptTimeoutMs,
): Promise<PublishedCheckpoint | undefined> {
  if (log.published.treeSize >= treeSize) return log.published;
  const { promise: timeout, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), timeoutMs);
  try {
    return await Promise.race([log.publishedFor(treeSize), timeout]);
  } catch (error) {
    if (isAppError(error, 'LEDGER_RECEIPT_PENDING')) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** One entry's receipt with the size of its checkpoint, if that is published in time. */
export async function receiptOf(log: Log, leafIndex: number) {
  const checkpoint = await checkpointWithin(log, leafIndex + 1);
  if (!checkpoint) return undefined;
  return { treeSize: checkpoint.treeSize, receipt: encodeReceipt(log.tree, leafIndex, checkpoint) };
}

/** The receipts of neighbouring entries: the checkpoint once, and each entry's path in base64. */
export async function batchReceiptOf(log: Log, firstIndex: number, count: number) {
  const checkpoint = await checkpointWithin(log, firstIndex + count);
  if (!checkpoint) return undefined;
  const { treeSize, note } = checkpoint;
  const proofs = Array.from({ length: count }, (_, offset) =>
    inclusionProof(log.tree, firstIndex + offset, treeSize).map(toBase64),
  );
  return { treeSize, checkpoint: note, proofs };
}

/** As `formats/bytes`, at the engine's speed. */
function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}

import { ledgerEntryBytesMax } from '@lucid/common/apis/ledger';
import { equalBytes } from '@lucid/common/formats/bytes';
import { ledgerError } from '../errors.ts';
import type { Log } from './log.ts';

/** Throws LEDGER_ENTRY_EMPTY or LEDGER_ENTRY_TOO_LARGE. */
export function requireEntry(entry: Uint8Array): Uint8Array {
  if (entry.length === 0) throw ledgerError('LEDGER_ENTRY_EMPTY', 'An entry has at least one byte');
  if (entry.length <= ledgerEntryBytesMax) return entry;
  const detail = `An entry is at most ${ledgerEntryBytesMax} bytes; this one has ${entry.length}`;
  throw ledgerError('LEDGER_ENTRY_TOO_LARGE', detail);
}

/** An entry with its index. Throws LEDGER_ENTRY_NOT_FOUND. */
export async function getEntry(log: Log, leafIndex: number): Promise<{ leafIndex: number; entry: Uint8Array }> {
  if (leafIndex >= log.treeSize) throw entryNotFound(`The log has ${log.treeSize} entries, none at ${leafIndex}`);
  const [entry] = await log.store.readEntries(leafIndex, 1);
  return { leafIndex, entry: entry ?? new Uint8Array() };
}

/** The first entry with this leaf hash. Throws LEDGER_ENTRY_NOT_FOUND. */
export async function getEntryByHash(
  log: Log,
  leafHash: Uint8Array,
): Promise<{ leafIndex: number; entry: Uint8Array }> {
  for await (const leafIndex of log.store.findLeafIndexes(leafHash)) {
    if (leafIndex < log.treeSize && equalBytes(log.tree.readNode(0, leafIndex), leafHash)) {
      return await getEntry(log, leafIndex);
    }
  }
  throw entryNotFound('The log knows no entry with this leaf hash');
}

export function entryNotFound(detail: string): Error {
  return ledgerError('LEDGER_ENTRY_NOT_FOUND', detail);
}

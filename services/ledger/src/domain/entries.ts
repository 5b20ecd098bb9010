import { ledgerEntryBytesMax } from '@lucid/common/apis/ledger-schemas';
import type { Identity } from '@lucid/common/http/identity';
import { ledgerError } from '../errors.ts';
import type { Log } from './log.ts';

/** Throws LEDGER_ENTRY_EMPTY or LEDGER_ENTRY_TOO_LARGE. */
export function requireEntry(entry: Uint8Array): Uint8Array {
  if (entry.length === 0) throw ledgerError('LEDGER_ENTRY_EMPTY', 'An entry has at least one byte');
  if (entry.length <= ledgerEntryBytesMax) return entry;
  const detail = `An entry is at most ${ledgerEntryBytesMax} bytes; this one has ${entry.length}`;
  throw ledgerError('LEDGER_ENTRY_TOO_LARGE', detail);
}

/** Whose word each of Lucid's own entries is. */
const writers: ReadonlyMap<string, string> = new Map([
  ['lucid/seal@', 'sessions'],
  ['lucid/block@', 'vm'],
  ['lucid/governance@', 'governance'],
  ['lucid/audit@', 'api'],
]);
const reserved = Buffer.from('"type":"lucid/');

/**
 * A proof bundle believes a block or a seal because it is in the log, so nobody but its service may put one there.
 * Canonical JSON spells the member in one way, which bytes of a client's own must not hold. Throws LEDGER_ENTRY_RESERVED.
 */
export function requireWriter(entry: Uint8Array, { subject, roles }: Pick<Identity, 'subject' | 'roles'>): void {
  const text = Buffer.from(entry.buffer, entry.byteOffset, entry.length);
  if (!text.includes(reserved)) return;
  const owners = [...writers].filter(([type]) => text.includes(`"type":"${type}`)).map(([, service]) => service);
  if (owners.length === 1 && owners[0] === subject && roles.includes('service')) return;
  throw ledgerError('LEDGER_ENTRY_RESERVED', `Entries with a type of lucid/ are not ${subject}'s to append`);
}

/** An entry with its index. Throws LEDGER_ENTRY_NOT_FOUND. */
export async function getEntry(log: Log, leafIndex: number): Promise<{ leafIndex: number; entry: Uint8Array }> {
  if (leafIndex >= log.treeSize) throw entryNotFound(`The log has ${log.treeSize} entries, none at ${leafIndex}`);
  const [entry] = await log.store.readEntries(leafIndex, 1);
  return { leafIndex, entry: entry ?? new Uint8Array() };
}

/** Where the first entry with this leaf hash is. Throws LEDGER_ENTRY_NOT_FOUND. */
export async function getLeafIndex(log: Log, leafHash: Uint8Array): Promise<number> {
  const leafIndex = await log.findByLeafHash(leafHash);
  if (leafIndex !== undefined) return leafIndex;
  throw entryNotFound('The log knows no entry with this leaf hash');
}

export function entryNotFound(detail: string): Error {
  return ledgerError('LEDGER_ENTRY_NOT_FOUND', detail);
}

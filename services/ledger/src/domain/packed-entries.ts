import { ledgerBatchMax, ledgerEntryBytesMax } from '@lucid/common/apis/ledger-schemas';
import type { Identity } from '@lucid/common/http/identity';
import { ledgerError } from '../errors.ts';
import { requireWriter } from './entries.ts';

/** Entries each after its size as uint16, big-endian: the bytes of an entry bundle (c2sp.org/tlog-tiles), of any number. */
export type PackedEntries = { readonly bytes: Buffer; readonly count: number };

const sizeBytes = 2;

/**
 * Steps over a packed batch once, allocating nothing for an entry, and counts it. Throws LEDGER_BATCH_MALFORMED,
 * LEDGER_BATCH_TOO_LARGE, LEDGER_ENTRY_EMPTY, LEDGER_ENTRY_TOO_LARGE, each naming the entry.
 */
export function requirePacked(bytes: Buffer): PackedEntries {
  let count = 0;
  for (let offset = 0; offset < bytes.length; count += 1) {
    if (count === ledgerBatchMax) throw tooMany();
    if (offset + sizeBytes > bytes.length) throw malformed(`entry ${count} has no whole size`);
    const size = bytes.readUInt16BE(offset);
    requireSize(size, count);
    offset += sizeBytes + size;
    if (offset > bytes.length) throw malformed(`entry ${count} ends past the end of the batch`);
  }
  if (count === 0) throw malformed('it is empty');
  return { bytes, count };
}

/**
 * Packs entries given in base64: decoded straight to their place, each checked to be the one spelling of its bytes
 * without reading it a second time. Throws REQUEST_INVALID, LEDGER_ENTRY_EMPTY, LEDGER_ENTRY_TOO_LARGE.
 */
export function packBase64(texts: readonly string[]): PackedEntries {
  let size = 0;
  for (const [at, text] of texts.entries()) {
    const entryBytes = decodedSize(text);
    if (entryBytes === undefined) throw notBase64(`/entries/${at}`);
    requireSize(entryBytes, at);
    size += sizeBytes + entryBytes;
  }
  const bytes = Buffer.allocUnsafe(size);
  let offset = 0;
  for (const [at, text] of texts.entries()) {
    const entryBytes = decodedSize(text) ?? 0;
    offset = bytes.writeUInt16BE(entryBytes, offset);
    if (!decodeInto(text, bytes, offset, entryBytes)) throw notBase64(`/entries/${at}`);
    offset += entryBytes;
  }
  return { bytes, count: texts.length };
}

/** One entry given in base64. Throws REQUEST_INVALID, LEDGER_ENTRY_EMPTY, LEDGER_ENTRY_TOO_LARGE. */
export function decodeEntry(text: string): Buffer {
  const size = decodedSize(text);
  if (size === undefined) throw notBase64('/entry');
  requireSize(size, 0);
  const entry = Buffer.allocUnsafe(size);
  if (decodeInto(text, entry, 0, size)) return entry;
  throw notBase64('/entry');
}

/** Bytes `text` stands for if it is base64; undefined where its length alone says that it is not. */
function decodedSize(text: string): number | undefined {
  if (text.length % 4 !== 0) return undefined;
  if (text === '') return 0;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return (text.length / 4) * 3 - padding;
}

/** The last digits before `=` and `==` whose loose bits are zero (RFC 4648 §3.5). */
const lastBeforeOne = 'AEIMQUYcgkosw048';
const lastBeforeTwo = 'AQgw';

/**
 * Decodes canonical base64; false for anything else. The engine leaves out what is no digit, so then fewer bytes come
 * than the length promised; what it takes for digits all the same are those of the URL alphabet, and characters past
 * ASCII, of which it looks at the low byte.
 */
function decodeInto(text: string, target: Buffer, offset: number, size: number): boolean {
  if (target.write(text, offset, size, 'base64') !== size) return false;
  if (text.includes('-') || text.includes('_') || Buffer.byteLength(text) !== text.length) return false;
  if (text.endsWith('==')) return lastBeforeTwo.includes(text.charAt(text.length - 3));
  if (text.endsWith('=')) return lastBeforeOne.includes(text.charAt(text.length - 2));
  return true;
}

function requireSize(size: number, at: number): void {
  if (size === 0) throw ledgerError('LEDGER_ENTRY_EMPTY', `An entry has at least one byte; entry ${at} has none`);
  if (size <= ledgerEntryBytesMax) return;
  const detail = `An entry is at most ${ledgerEntryBytesMax} bytes; entry ${at} has ${size}`;
  throw ledgerError('LEDGER_ENTRY_TOO_LARGE', detail);
}

function notBase64(pointer: string): Error {
  return ledgerError('REQUEST_INVALID', 'An entry is not canonical base64', {
    errors: [{ pointer, detail: 'must be base64 with padding' }],
  });
}

function malformed(why: string): Error {
  return ledgerError('LEDGER_BATCH_MALFORMED', `The batch is not entries each after its size as uint16: ${why}`);
}

function tooMany(): Error {
  return ledgerError('LEDGER_BATCH_TOO_LARGE', `A batch is at most ${ledgerBatchMax} entries`);
}

const reserved = Buffer.from('"type":"lucid/');

/** As `requireWriter` for each entry; one look over all of them settles the common case. Throws LEDGER_ENTRY_RESERVED. */
export function requireWriterOfAll({ bytes }: PackedEntries, identity: Pick<Identity, 'subject' | 'roles'>): void {
  if (!bytes.includes(reserved)) return;
  for (let offset = 0; offset < bytes.length; ) {
    const end = offset + sizeBytes + bytes.readUInt16BE(offset);
    requireWriter(bytes.subarray(offset + sizeBytes, end), identity);
    offset = end;
  }
}

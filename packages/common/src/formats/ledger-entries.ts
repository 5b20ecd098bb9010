import type { Bytes } from './bytes.ts';
import { encodeCanonicalJson, parseJson } from './canonical-json.ts';
import { CHUNK_COUNT_MAX } from './chunk.ts';
import { type Manifest, manifestHash } from './manifest.ts';
import { hex, hex0x, integer, literal, object, type Read, readDocument, type Shaped, sessionIdText } from './shape.ts';

/** The ledger's own entries are canonical JSON with a type and version, at most 4 KiB. */
export const LEDGER_ENTRY_SIZE_MAX = 4096;

const sealShape = {
  type: literal('lucid/seal@1'),
  sessionId: sessionIdText,
  manifestHash: hex(32),
  merkleRoot: hex(32),
  chunkCount: integer(1, CHUNK_COUNT_MAX),
};

const blockShape = {
  type: literal('lucid/block@1'),
  chainId: integer(1, Number.MAX_SAFE_INTEGER),
  number: integer(0, Number.MAX_SAFE_INTEGER),
  hash: hex0x(32),
  parentHash: hex0x(32),
  stateRoot: hex0x(32),
  /** Seconds since 1970 (UTC). */
  timestamp: integer(0, Number.MAX_SAFE_INTEGER),
};

/** A session's seal: the commitment to all of it. */
export type SealEntry = Shaped<typeof sealShape>;
/** A block of the platform's chain; all of it but `chainId` follows from the block's header. */
export type BlockEntry = Shaped<typeof blockShape>;

const readSeal = object(sealShape);
const readBlock = object(blockShape);

function encodeEntry<T>(read: Read<T>, entry: T): Bytes {
  const bytes = encodeCanonicalJson(entry);
  parseEntry(read, bytes);
  return bytes;
}

function parseEntry<T>(read: Read<T>, bytes: Uint8Array): T {
  const value = parseJson(bytes, { canonical: true, sizeMax: LEDGER_ENTRY_SIZE_MAX });
  return readDocument(read, value, 'LEDGER_ENTRY_INVALID');
}

/** The seal of a manifest given as canonical bytes and parsed. */
export function createSealEntry(manifest: Manifest, manifestBytes: Uint8Array): SealEntry {
  const { sessionId, merkleRoot, chunkCount } = manifest;
  return { type: 'lucid/seal@1', sessionId, manifestHash: manifestHash(manifestBytes), merkleRoot, chunkCount };
}

/** The canonical bytes of a seal; `LEDGER_ENTRY_INVALID` when a member is out of shape. */
export function encodeSealEntry(entry: SealEntry): Bytes {
  return encodeEntry(readSeal, entry);
}

/** Parses canonical bytes; `LEDGER_ENTRY_INVALID` on any misfit, and the codes of `parseJson`. */
export function parseSealEntry(bytes: Uint8Array): SealEntry {
  return parseEntry(readSeal, bytes);
}

export function encodeBlockEntry(entry: BlockEntry): Bytes {
  return encodeEntry(readBlock, entry);
}

/** As `parseSealEntry`. */
export function parseBlockEntry(bytes: Uint8Array): BlockEntry {
  return parseEntry(readBlock, bytes);
}

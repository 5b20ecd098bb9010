import { isAppError } from '@lucid/common/errors';
import { equalBytes, parseBase64, parseHex, toHex } from '@lucid/common/formats/bytes';
import {
  CHUNK_HEADER_SIZE,
  CHUNK_TAG_SIZE,
  type ChunkHeader,
  chunkHeaderHash,
  encodeChunkHeader,
  parseChunkHeader,
} from '@lucid/common/formats/chunk';
import { HASH_SIZE } from '@lucid/common/formats/merkle';
import { sessionError } from '../errors.ts';
import { requireState, type SessionRecord } from './session.ts';

/** A chunk as it is stored: all else about it follows from the header. */
export interface ChunkRecord {
  readonly sessionId: string;
  readonly chunkIndex: number;
  /** The 129 bytes the recorder signed. */
  readonly header: Uint8Array;
  /** Ed25519, 64 bytes. */
  readonly signature: Uint8Array;
}

/** The chunk header's fields as an upload names them. */
export interface ChunkFields {
  readonly 'content-digest': string;
  readonly 'lucid-captured-at': string;
  readonly 'lucid-plain-size': string;
  readonly 'lucid-cipher-size': string;
  readonly 'lucid-chunk-salt': string;
  readonly 'lucid-previous-hash': string;
  readonly 'lucid-header-signature': string;
}

/**
 * The chunk an upload announces.
 * @throws SESSION_CHUNK_DIGEST_INVALID, SESSION_CHUNK_HEADER_INVALID
 */
export function readChunk(sessionId: string, chunkIndex: number, fields: ChunkFields): ChunkRecord {
  const cipherDigest = readContentDigest(fields['content-digest']);
  try {
    const header = encodeChunkHeader({
      sessionId,
      chunkIndex,
      capturedAt: Number(fields['lucid-captured-at']),
      plainSize: Number(fields['lucid-plain-size']),
      cipherSize: Number(fields['lucid-cipher-size']),
      chunkSalt: parseHex(fields['lucid-chunk-salt'], 16),
      cipherDigest,
      previousHash: parseHex(fields['lucid-previous-hash'], 32),
    });
    return { sessionId, chunkIndex, header, signature: parseHex(fields['lucid-header-signature'], 64) };
  } catch (error) {
    if (!isAppError(error)) throw error;
    throw sessionError('SESSION_CHUNK_HEADER_INVALID', error.message, { cause: error });
  }
}

/** The SHA-256 of a Content-Digest field (RFC 9530 §2); other algorithms beside it are passed over. */
export function readContentDigest(field: string): Uint8Array {
  const values = field
    .split(',')
    .map((member) => /^\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*$/.exec(member)?.[1])
    .filter((value) => value !== undefined);
  try {
    if (values.length === 1 && values[0] !== undefined) return parseBase64(values[0], 32);
  } catch (cause) {
    throw sessionError('SESSION_CHUNK_DIGEST_INVALID', 'The SHA-256 in Content-Digest is not base 64.', { cause });
  }
  throw sessionError('SESSION_CHUNK_DIGEST_INVALID', 'Content-Digest names one SHA-256: `sha-256=:<base 64>:`.');
}

/** What zstd adds at worst to incompressible input (ZSTD_compressBound), and the AES-GCM tag. */
export function cipherBytesMax(plainBytesMax: number): number {
  return plainBytesMax + Math.ceil(plainBytesMax / 256) + 64 * 1024 + CHUNK_TAG_SIZE;
}

/** @throws SESSION_CHUNK_TOO_LARGE over the governed limit of a chunk before compression, bytes */
export function requireSize({ plainSize, cipherSize }: ChunkHeader, plainBytesMax: number): void {
  const limits = { plainBytesMax, cipherBytesMax: cipherBytesMax(plainBytesMax) };
  if (plainSize <= limits.plainBytesMax && cipherSize <= limits.cipherBytesMax) return;
  const detail = `A chunk is at most ${plainBytesMax} bytes before compression; this one is ${plainSize}.`;
  throw sessionError('SESSION_CHUNK_TOO_LARGE', detail, { data: limits });
}

/** Reads a stored chunk of the session by its index. */
export type FindChunk = (chunkIndex: number) => ChunkRecord | undefined;

/**
 * The session with the chunk in it. Neighbours must name each other's hashes, so that once no gap is left the whole
 * chain of headers is proven; `durableSeq` moves over what a closed gap joins.
 * @throws SESSION_STATE_INVALID, SESSION_CHUNK_GAP_TOO_WIDE, SESSION_CHUNK_CHAIN_BROKEN
 */
export function placeChunk(session: SessionRecord, chunk: ChunkRecord, find: FindChunk, gapMax: number): SessionRecord {
  requireState(session, 'recording');
  const { progress } = session;
  if (chunk.chunkIndex > progress.durableSeq + 1 + gapMax) {
    const detail = `Chunks up to index ${progress.durableSeq + 1 + gapMax} are taken now; close the gap first.`;
    throw sessionError('SESSION_CHUNK_GAP_TOO_WIDE', detail, { data: { durableSeq: progress.durableSeq } });
  }
  requireChain(find(chunk.chunkIndex - 1), chunk);
  requireChain(chunk, find(chunk.chunkIndex + 1));
  const { plainSize, cipherSize } = parseChunkHeader(chunk.header);
  let last = chunk;
  let durableSeq = progress.durableSeq;
  for (let next: ChunkRecord | undefined = chunk; next?.chunkIndex === durableSeq + 1; next = find(durableSeq + 1)) {
    durableSeq += 1;
    last = next;
  }
  return {
    ...session,
    progress: {
      ...progress,
      durableSeq,
      ...(durableSeq > progress.durableSeq ? { lastHeaderHash: toHex(chunkHeaderHash(last.header)) } : {}),
      storedCount: progress.storedCount + 1,
      plainBytes: progress.plainBytes + plainSize,
      cipherBytes: progress.cipherBytes + cipherSize,
    },
  };
}

/** @throws SESSION_CHUNK_CHAIN_BROKEN when both are there and the later does not name the earlier */
export function requireChain(earlier: ChunkRecord | undefined, later: ChunkRecord | undefined): void {
  if (!earlier || !later) return;
  const expected = chunkHeaderHash(earlier.header);
  // A header ends in the hash of the one before; reading that alone keeps sealing 100,000 chunks quick.
  if (equalBytes(later.header.subarray(CHUNK_HEADER_SIZE - HASH_SIZE), expected)) return;
  const detail = `Chunk ${later.chunkIndex} does not name the hash of chunk ${earlier.chunkIndex}’s header.`;
  throw sessionError('SESSION_CHUNK_CHAIN_BROKEN', detail, {
    data: { chunkIndex: later.chunkIndex, previousHash: toHex(expected) },
  });
}

/** @throws SESSION_CHUNK_CONFLICT unless both are the same chunk */
export function requireSame(stored: ChunkRecord, sent: ChunkRecord): void {
  if (toHex(stored.header) === toHex(sent.header)) return;
  const detail = `Chunk ${sent.chunkIndex} is stored with another header.`;
  throw sessionError('SESSION_CHUNK_CONFLICT', detail, {
    data: { headerHash: toHex(chunkHeaderHash(stored.header)) },
  });
}

/** The blob of a chunk: its place and its content, so that no two contents ever share a name. */
export function blobNameOf({ sessionId, chunkIndex, header }: ChunkRecord): BlobName {
  const digest = toHex(parseChunkHeader(header).cipherDigest);
  return { folder: sessionId, file: `${String(chunkIndex).padStart(6, '0')}-${digest}` };
}

export interface BlobName {
  readonly folder: string;
  readonly file: string;
}

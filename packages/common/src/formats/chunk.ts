import { type Bytes, concatBytes, readUint64be, uint64be, utf8 } from './bytes.ts';
import { encodeSessionId, parseSessionId } from './ids.ts';
import { malformed } from './malformed.ts';
import { leafHash } from './merkle.ts';
import { sha256 } from './sha256.ts';

/** What binds a stored chunk: the leaf data of its session's chunk tree. */
export interface ChunkHeader {
  readonly sessionId: string;
  /** 0-based. */
  readonly chunkIndex: number;
  /** Milliseconds since 1970 (UTC). */
  readonly capturedAt: number;
  /** Bytes before compression. */
  readonly plainSize: number;
  /** Bytes stored: ciphertext and tag. */
  readonly cipherSize: number;
  /** 16 fresh random bytes. */
  readonly chunkSalt: Uint8Array;
  /** SHA-256 of what is stored. */
  readonly cipherDigest: Uint8Array;
  /** SHA-256 of the header before; 32 zero bytes in the first. */
  readonly previousHash: Uint8Array;
}

/** What a chunk is sealed for: any other value fails to open it. */
export interface ChunkPlace {
  readonly sessionId: string;
  readonly chunkIndex: number;
  readonly chunkSalt: Uint8Array;
}

export const CHUNK_HEADER_SIZE = 129;
export const CHUNK_SALT_SIZE = 16;
export const CHUNK_TAG_SIZE = 16;
export const SESSION_SECRET_SIZE = 32;
/** A contract counts chunks in 32 bits. */
export const CHUNK_COUNT_MAX = 2 ** 32 - 1;
const HEADER_VERSION = 1;
const DOMAIN = utf8('lucid/chunk/v1');
const SIGNING_DOMAIN = utf8('lucid/chunk-header/v1\0');
const ZERO_NONCE = new Uint8Array(12);

function headerError(detail: string): Error {
  return malformed('CHUNK_HEADER_INVALID', detail);
}

/**
 * The 129 bytes of a header: version u8 = 1, sessionId 16 B, index u64be, capturedAt u64be, plainSize u64be,
 * cipherSize u64be, chunkSalt 16 B, cipherDigest 32 B, previousHash 32 B. `CHUNK_HEADER_INVALID` on impossible fields.
 */
export function encodeChunkHeader(header: ChunkHeader): Bytes {
  const bytes = concatBytes(
    Uint8Array.of(HEADER_VERSION),
    parseSessionId(header.sessionId),
    uint64be(header.chunkIndex),
    uint64be(header.capturedAt),
    uint64be(header.plainSize),
    uint64be(header.cipherSize),
    header.chunkSalt,
    header.cipherDigest,
    header.previousHash,
  );
  parseChunkHeader(bytes);
  return bytes;
}

/** Parses a header; `CHUNK_HEADER_INVALID` on another size, version or field out of range. */
export function parseChunkHeader(bytes: Uint8Array): ChunkHeader {
  if (bytes.length !== CHUNK_HEADER_SIZE) throw headerError(`a chunk header is ${CHUNK_HEADER_SIZE} bytes`);
  if (bytes[0] !== HEADER_VERSION) throw headerError('the header is of another version');
  const header = {
    sessionId: encodeSessionId(bytes.subarray(1, 17)),
    chunkIndex: readUint64be(bytes, 17),
    capturedAt: readUint64be(bytes, 25),
    plainSize: readUint64be(bytes, 33),
    cipherSize: readUint64be(bytes, 41),
    chunkSalt: bytes.slice(49, 65),
    cipherDigest: bytes.slice(65, 97),
    previousHash: bytes.slice(97, 129),
  };
  if (header.chunkIndex >= CHUNK_COUNT_MAX) throw headerError('the chunk index is too large');
  if (header.cipherSize <= CHUNK_TAG_SIZE) throw headerError('the ciphertext is shorter than its tag');
  const isFirst = header.chunkIndex === 0;
  if (isFirst && header.previousHash.some((byte) => byte !== 0))
    throw headerError('the first header has a predecessor');
  return header;
}

/** What the next header carries as `previousHash`: SHA-256 of the encoded header. */
export function chunkHeaderHash(header: Uint8Array): Bytes {
  return sha256(header);
}

/** The chunk's leaf in its session's tree. */
export function chunkLeafHash(header: Uint8Array): Uint8Array {
  return leafHash(header);
}

/** What the recorder's key signs: "lucid/chunk-header/v1\0" ‖ encoded header. */
export function chunkSigningPayload(header: Uint8Array): Bytes {
  return concatBytes(SIGNING_DOMAIN, header);
}

/** A fresh salt: it makes the key new for every encryption, so an index cut anew never reuses a key and nonce. */
export function createChunkSalt(): Bytes {
  return crypto.getRandomValues(new Uint8Array(CHUNK_SALT_SIZE));
}

/** HKDF-SHA-256(secret, salt = sessionId ‖ chunkSalt, info = "lucid/chunk/v1" ‖ uint64be(index)), 32 bytes. */
export async function deriveChunkKey(secret: Uint8Array, place: ChunkPlace): Promise<Bytes> {
  if (secret.length !== SESSION_SECRET_SIZE) throw malformed('SESSION_SECRET_INVALID', 'a session secret is 32 bytes');
  if (place.chunkSalt.length !== CHUNK_SALT_SIZE) throw headerError('a chunk salt is 16 bytes');
  const salt = concatBytes(parseSessionId(place.sessionId), place.chunkSalt);
  const info = concatBytes(DOMAIN, uint64be(place.chunkIndex));
  const material = await crypto.subtle.importKey('raw', new Uint8Array(secret), 'HKDF', false, ['deriveBits']);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt, info }, material, 256));
}

/** AAD: "lucid/chunk/v1" ‖ sessionId ‖ uint64be(index). */
function additionalData(place: ChunkPlace): Bytes {
  return concatBytes(DOMAIN, parseSessionId(place.sessionId), uint64be(place.chunkIndex));
}

async function importChunkKey(secret: Uint8Array, place: ChunkPlace, use: 'encrypt' | 'decrypt') {
  return crypto.subtle.importKey('raw', await deriveChunkKey(secret, place), 'AES-GCM', false, [use]);
}

function gcm(place: ChunkPlace): { name: string; iv: Bytes; additionalData: Bytes } {
  return { name: 'AES-GCM', iv: ZERO_NONCE, additionalData: additionalData(place) };
}

/** AES-256-GCM of a compressed chunk: ciphertext ‖ tag. The salt in `place` must be fresh. */
export async function sealChunk(secret: Uint8Array, place: ChunkPlace, compressed: Uint8Array): Promise<Bytes> {
  const key = await importChunkKey(secret, place, 'encrypt');
  return new Uint8Array(await crypto.subtle.encrypt(gcm(place), key, compressed));
}

/** The compressed chunk back; `CHUNK_NOT_OPENED` for another secret, session, index, salt or content. */
export async function openChunk(secret: Uint8Array, place: ChunkPlace, stored: Uint8Array): Promise<Bytes> {
  const key = await importChunkKey(secret, place, 'decrypt');
  try {
    return new Uint8Array(await crypto.subtle.decrypt(gcm(place), key, stored));
  } catch {
    throw malformed('CHUNK_NOT_OPENED', 'the secret does not open this chunk at this place');
  }
}

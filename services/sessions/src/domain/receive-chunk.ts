import { createHash } from 'node:crypto';
import { isAppError } from '@lucid/common/errors';
import { equalBytes, parseHex, toHex } from '@lucid/common/formats/bytes';
import { type ChunkHeader, chunkHeaderHash, chunkSigningPayload, parseChunkHeader } from '@lucid/common/formats/chunk';
import { isEd25519Signature } from '@lucid/common/formats/ed25519';
import type { Identity } from '@lucid/common/http/identity';
import { sessionError } from '../errors.ts';
import { getWritable } from './access.ts';
import type { BlobStore, StagedBlob } from './blob-store.ts';
import { blobNameOf, type ChunkRecord, placeChunk, requireSame, requireSize } from './chunk.ts';
import type { KeyedLock } from './keyed-lock.ts';
import { requireState, type SessionRecord } from './session.ts';
import type { SessionStore } from './session-store.ts';
import type { UploadSlots } from './upload-slots.ts';

export interface ReceiveDeps {
  readonly store: SessionStore;
  readonly blobs: BlobStore;
  readonly slots: UploadSlots;
  /** Keeps two uploads of one chunk from touching its blob at once. */
  readonly lock: KeyedLock;
  /** The governed limit of a chunk before compression, as it is now, bytes. */
  readonly plainBytesMax: () => number;
  /** How many indexes ahead of the first missing one are taken. */
  readonly gapMax: number;
}

/** A chunk's body as it arrives, and its Content-Length where the request has one. */
export interface ChunkBody {
  readonly content: AsyncIterable<Uint8Array>;
  readonly size: number | undefined;
}

export interface Received {
  readonly isNew: boolean;
  readonly chunkIndex: number;
  readonly headerHash: string;
  readonly durableSeq: number;
}

/**
 * Takes a chunk in. When this resolves, its content, its name and its record are synced to the disk.
 * Everything the header says is checked before the body is read; the body is never held whole.
 * @throws the codes of `putChunk` in the operation table
 */
export async function receiveChunk(
  deps: ReceiveDeps,
  identity: Identity,
  chunk: ChunkRecord,
  body: ChunkBody,
): Promise<Received> {
  const session = await getWritable(deps.store, identity, chunk.sessionId);
  const stored = await deps.store.findChunk(chunk.sessionId, chunk.chunkIndex);
  if (stored) {
    requireSame(stored, chunk);
    return received(session, chunk, false);
  }
  await checkChunk(deps, session, chunk, body);
  using _slot = deps.slots.take(chunk.sessionId);
  await using staged = await deps.blobs.stage();
  await receiveBody(staged, parseChunkHeader(chunk.header), body.content);
  return await deps.lock.run(`${chunk.sessionId}/${chunk.chunkIndex}`, () => keepChunk(deps, staged, chunk));
}

/** All that can be refused without the body. */
async function checkChunk(
  deps: ReceiveDeps,
  session: SessionRecord,
  chunk: ChunkRecord,
  body: ChunkBody,
): Promise<void> {
  requireState(session, 'recording');
  const header = parseChunkHeader(chunk.header);
  requireSize(header, deps.plainBytesMax());
  if (body.size !== undefined && body.size !== header.cipherSize) throw sizeMismatch(header, body.size);
  const payload = chunkSigningPayload(chunk.header);
  if (!(await isEd25519Signature(parseHex(session.recorderKey, 32), chunk.signature, payload))) {
    throw sessionError('SESSION_CHUNK_SIGNATURE_INVALID', 'The header is not signed by the session’s recorder.');
  }
  const neighbours = await findNeighbours(deps.store, chunk);
  placeChunk(session, chunk, (index) => neighbours.get(index), deps.gapMax);
}

async function findNeighbours(store: SessionStore, chunk: ChunkRecord): Promise<ReadonlyMap<number, ChunkRecord>> {
  const neighbours = new Map<number, ChunkRecord>();
  for (const index of [chunk.chunkIndex - 1, chunk.chunkIndex + 1]) {
    const neighbour = index < 0 ? undefined : await store.findChunk(chunk.sessionId, index);
    if (neighbour) neighbours.set(index, neighbour);
  }
  return neighbours;
}

/** Streams the body to the disk, hashing it on the way; stops at the first byte too many. */
async function receiveBody(staged: StagedBlob, header: ChunkHeader, content: AsyncIterable<Uint8Array>): Promise<void> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const bytes of content) {
    size += bytes.length;
    if (size > header.cipherSize) throw sizeMismatch(header, size);
    const written = staged.write(bytes);
    hash.update(bytes);
    await written;
  }
  if (size !== header.cipherSize) throw sizeMismatch(header, size);
  if (!equalBytes(hash.digest(), header.cipherDigest)) {
    throw sessionError('SESSION_CHUNK_DIGEST_MISMATCH', 'The body’s SHA-256 is not the one Content-Digest says.');
  }
}

function sizeMismatch({ cipherSize }: ChunkHeader, size: number): Error {
  const detail = `Lucid-Cipher-Size says ${cipherSize} bytes; the body has ${size > cipherSize ? 'more' : size}.`;
  return sessionError('SESSION_CHUNK_SIZE_MISMATCH', detail);
}

/** First the content is durable, then the record that names it; a record never names what is not there. */
async function keepChunk(deps: ReceiveDeps, staged: StagedBlob, chunk: ChunkRecord): Promise<Received> {
  const stored = await deps.store.findChunk(chunk.sessionId, chunk.chunkIndex);
  if (!stored) await staged.keep(blobNameOf(chunk));
  try {
    const place = await deps.store.addChunk(chunk, (session, find) => placeChunk(session, chunk, find, deps.gapMax));
    return received(place.session, chunk, place.isNew);
  } catch (error) {
    // A write whose outcome is unknown may have kept the record, so its blob stays.
    const isRefused = isAppError(error) && error.status < 500;
    if (!stored && isRefused) await deps.blobs.remove(blobNameOf(chunk));
    throw error;
  }
}

function received({ progress }: SessionRecord, chunk: ChunkRecord, isNew: boolean): Received {
  const headerHash = toHex(chunkHeaderHash(chunk.header));
  return { isNew, chunkIndex: chunk.chunkIndex, headerHash, durableSeq: progress.durableSeq };
}

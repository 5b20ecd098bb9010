import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import { AppError } from '@lucid/common/errors';
import { equalBytes, parseHex, toHex } from '@lucid/common/formats/bytes';
import {
  type ChunkHeader,
  chunkHeaderHash,
  chunkLeafHash,
  chunkSigningPayload,
  openChunk,
  parseChunkHeader,
} from '@lucid/common/formats/chunk';
import { appendLeafHash, compactRangeRoot, createCompactRange } from '@lucid/common/formats/compact-range';
import { isEd25519Signature } from '@lucid/common/formats/ed25519';
import type { Manifest } from '@lucid/common/formats/manifest';
import { sha256 } from '@lucid/common/formats/sha256';
import type { SessionsClient } from './lucid-client.ts';

export interface ReadSessionOptions {
  readonly sessions: Pick<SessionsClient, 'listChunks' | 'getChunk'>;
  /** Of a bundle that was verified: it says which chunks are the true ones. */
  readonly manifest: Manifest;
  /** The session secret, 32 bytes. */
  readonly secret: Uint8Array;
  /** For the download of one chunk, ms. */
  readonly timeoutMs?: number;
}

const decompress = promisify(zstdDecompress);

function untrue(detail: string): AppError {
  return new AppError('SESSION_CONTENT_UNTRUE', detail, { status: 502 });
}

/**
 * The recorded bytes of a sealed session, chunk by chunk, in order. All headers are held to the manifest (signatures,
 * chain, count, root) before the first chunk is fetched, and every chunk to its header; so what comes out is what was
 * sealed, or an error.
 * @throws AppError SESSION_CONTENT_UNTRUE, CHUNK_NOT_OPENED; the API's errors
 */
export async function* readSession(options: ReadSessionOptions): AsyncGenerator<Uint8Array> {
  const { sessions, manifest, secret, timeoutMs = 120_000 } = options;
  const { sessionId } = manifest;
  for (const header of await readHeaders(sessions, manifest)) {
    const { chunkIndex } = header;
    const response = await sessions.getChunk({ params: { sessionId, chunkIndex } }, { timeoutMs });
    const stored = new Uint8Array(await response.arrayBuffer());
    if (!equalBytes(sha256(stored), header.cipherDigest)) throw untrue(`chunk ${chunkIndex} is not the sealed one`);
    const compressed = await openChunk(secret, header, stored);
    yield await expand(compressed, header);
  }
}

async function expand(compressed: Uint8Array, { plainSize, chunkIndex }: ChunkHeader): Promise<Uint8Array> {
  const plain = await decompress(compressed, { maxOutputLength: Math.max(1, plainSize) }).catch((cause: unknown) => {
    throw new AppError('SESSION_CONTENT_UNTRUE', `chunk ${chunkIndex} does not expand`, { status: 502, cause });
  });
  if (plain.length !== plainSize) throw untrue(`chunk ${chunkIndex} has another size than its header says`);
  return plain;
}

async function readHeaders(
  sessions: ReadSessionOptions['sessions'],
  manifest: Manifest,
): Promise<readonly ChunkHeader[]> {
  const recorderKey = parseHex(manifest.recorderKey, 32);
  const tree = createCompactRange();
  const headers: ChunkHeader[] = [];
  let previousHash: Uint8Array = new Uint8Array(32);
  for await (const { header: encoded, signature } of listChunks(sessions, manifest.sessionId)) {
    const bytes = parseHex(encoded);
    const header = parseChunkHeader(bytes);
    const isNext = header.sessionId === manifest.sessionId && header.chunkIndex === headers.length;
    if (!isNext || !equalBytes(header.previousHash, previousHash)) throw untrue('the chunk headers are not in order');
    if (!(await isEd25519Signature(recorderKey, parseHex(signature, 64), chunkSigningPayload(bytes)))) {
      throw untrue(`the header of chunk ${header.chunkIndex} is not signed by the recorder`);
    }
    appendLeafHash(tree, chunkLeafHash(bytes));
    previousHash = chunkHeaderHash(bytes);
    headers.push(header);
    if (headers.length > manifest.chunkCount) break;
  }
  if (headers.length !== manifest.chunkCount || toHex(compactRangeRoot(tree)) !== manifest.merkleRoot) {
    throw untrue('the chunk headers are not those the manifest seals');
  }
  return headers;
}

async function* listChunks(sessions: ReadSessionOptions['sessions'], sessionId: string) {
  let cursor: string | undefined;
  do {
    const query = cursor === undefined ? { limit: 200 } : { limit: 200, cursor };
    const page = await sessions.listChunks({ params: { sessionId }, query });
    yield* page.items;
    cursor = page.next;
  } while (cursor !== undefined);
}

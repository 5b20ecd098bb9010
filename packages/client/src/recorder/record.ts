import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { parseHex } from '@lucid/common/formats/bytes';
import { chunkSigningPayload, createChunkSalt, encodeChunkHeader, sealChunk } from '@lucid/common/formats/chunk';
import { type Ed25519Signer, openEd25519Signer } from '@lucid/common/formats/ed25519';
import { sha256 } from '@lucid/common/formats/sha256';
import type { SessionsClient } from '../lucid-client.ts';
import { cutChunks } from './cut-chunks.ts';
import type { Journal, SealedChunk } from './journal.ts';
import { openRecording } from './plan-recording.ts';
import type { RetryOptions } from './retry.ts';
import { Uploader } from './upload-chunks.ts';

export interface RecordOptions extends RetryOptions {
  readonly sessions: SessionsClient;
  readonly journal: Journal;
  /** Bytes of a chunk before compression; 8 MiB unless given. */
  readonly chunkBytes?: number;
  /** A live recording is cut at least this often while it has something, ms. */
  readonly flushAfterMs?: number;
  /** Uploads at once; 4 unless given. */
  readonly uploadsMax?: number;
  /** Chunks kept on this disk while the platform does not take them; then the source waits. 64 unless given. */
  readonly pendingMax?: number;
  readonly uploadTimeoutMs?: number;
  readonly onProgress?: (progress: RecordProgress) => void;
}

export interface RecordProgress {
  /** Bytes read from the source and safe in the journal. */
  readonly plainBytes: number;
  readonly chunkCount: number;
  /** Chunks the platform has acknowledged as durable. */
  readonly acknowledgedCount: number;
}

const compress = promisify(zstdCompress);
const compression = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };

/**
 * Records a source to its end: cuts, compresses, encrypts, signs, keeps and uploads its chunks. Resolves once every
 * chunk is acknowledged. After a crash of either side call it again with the same journal and a source that goes on
 * at `journal.plainBytes` (an empty source only sends what is pending).
 */
export async function recordStream(source: AsyncIterable<Uint8Array>, options: RecordOptions): Promise<void> {
  const { journal, sessions, pendingMax = 64, onProgress } = options;
  const { sessionId } = await openRecording(sessions, journal, options);
  const signer = await openEd25519Signer(parseHex(journal.plan.recorderSeed, 32));
  const report = (): void => {
    const { plainBytes, chunkCount, pending } = journal;
    onProgress?.({ plainBytes, chunkCount, acknowledgedCount: chunkCount - pending.length });
  };
  const { uploadsMax = 4, uploadTimeoutMs = 120_000, chunkBytes = 8 * 1024 * 1024, signal } = options;
  // What ends one half ends the other: a refused chunk the reading, a failing source the uploads.
  const halt = new AbortController();
  const end = AbortSignal.any(signal === undefined ? [halt.signal] : [halt.signal, signal]);
  const uploader = new Uploader({
    ...options,
    sessionId,
    uploadsMax,
    uploadTimeoutMs,
    signal: end,
    onAcknowledged: report,
    onFailure: (error) => halt.abort(error),
  });
  try {
    for (const chunkIndex of journal.pending) uploader.push(chunkIndex);
    for await (const plain of cutChunks(source, { ...options, chunkBytes, signal: end })) {
      await uploader.whenFewerThan(pendingMax);
      uploader.push(await journal.append(await cutChunk(journal, sessionId, signer, plain)));
      report();
    }
    await uploader.whenFewerThan(1);
  } catch (error) {
    halt.abort(error);
    throw error;
  } finally {
    await uploader.whenIdle();
  }
}

/** The next chunk of a recording, ready to be kept and sent. */
async function cutChunk(
  journal: Journal,
  sessionId: string,
  signer: Ed25519Signer,
  plain: Uint8Array,
): Promise<SealedChunk> {
  const chunkIndex = journal.chunkCount;
  const chunkSalt = createChunkSalt();
  const compressed = await compress(plain, compression);
  const stored = await sealChunk(parseHex(journal.plan.secret, 32), { sessionId, chunkIndex, chunkSalt }, compressed);
  const header = encodeChunkHeader({
    sessionId,
    chunkIndex,
    capturedAt: Math.max(Date.now(), journal.lastCapturedAt),
    plainSize: plain.length,
    cipherSize: stored.length,
    chunkSalt,
    cipherDigest: sha256(stored),
    previousHash: journal.lastHeaderHash,
  });
  return { header, signature: await signer.sign(chunkSigningPayload(header)), stored };
}

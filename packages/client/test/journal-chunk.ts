import { createChunkSalt, encodeChunkHeader } from '@lucid/common/formats/chunk';
import { sha256 } from '@lucid/common/formats/sha256';
import type { Journal, SealedChunk } from '../src/recorder/journal.ts';

/** A chunk that follows the journal's last one: 100 bytes of a recording, 50 as stored. */
export function nextChunk(journal: Journal): SealedChunk {
  const chunkIndex = journal.chunkCount;
  const stored = new Uint8Array(50).fill(chunkIndex);
  const header = encodeChunkHeader({
    sessionId: '0c8b1f8e-4a52-4d6b-9f3e-2a1b3c4d5e6f',
    chunkIndex,
    capturedAt: 1,
    plainSize: 100,
    cipherSize: stored.length,
    chunkSalt: createChunkSalt(),
    cipherDigest: sha256(stored),
    previousHash: journal.lastHeaderHash,
  });
  return { header, signature: new Uint8Array(64), stored };
}

import { equalBytes, parseHex, toHex } from './bytes.ts';
import { type ChunkHeader, chunkHeaderHash, chunkLeafHash, chunkSigningPayload, parseChunkHeader } from './chunk.ts';
import { isEd25519Signature } from './ed25519.ts';
import { malformed } from './malformed.ts';
import { verifyInclusion } from './merkle.ts';
import type { ProofBundle } from './proof-bundle.ts';

/** A stored chunk as found: its place, and the digest and size of its bytes. */
export interface ChunkFile {
  readonly chunkIndex: number;
  /** SHA-256 of the stored bytes. */
  readonly cipherDigest: Uint8Array;
  readonly cipherSize: number;
}

interface ProvenHeader {
  readonly header: ChunkHeader;
  readonly hash: Uint8Array;
}

function invalid(detail: string): Error {
  return malformed('CHUNK_PROOF_INVALID', detail);
}

/** Throws unless every chunk of the bundle is the manifest's, signed by its recorder, in order, and chained. */
export async function verifyChunkProofs(bundle: ProofBundle): Promise<string> {
  const proven: ProvenHeader[] = [];
  for (const chunk of bundle.chunks) proven.push(await verifyChunkProof(bundle, chunk));
  for (const [position, { header }] of proven.entries()) {
    const before = proven[position - 1];
    if (before !== undefined) verifyNeighbours(before, header);
  }
  verifyTotals(bundle, proven);
  return `${proven.length} of ${bundle.manifest.chunkCount} chunks proven`;
}

async function verifyChunkProof(bundle: ProofBundle, chunk: ProofBundle['chunks'][number]): Promise<ProvenHeader> {
  const bytes = parseHex(chunk.header);
  const header = parseChunkHeader(bytes);
  const { sessionId, merkleRoot, chunkCount, recorderKey } = bundle.manifest;
  if (header.sessionId !== sessionId) throw invalid(`chunk ${header.chunkIndex} is of another session`);
  verifyInclusion({
    leafIndex: header.chunkIndex,
    treeSize: chunkCount,
    leafHash: chunkLeafHash(bytes),
    proof: chunk.proof.map((hash) => parseHex(hash, 32)),
    rootHash: parseHex(merkleRoot, 32),
  });
  const signature = parseHex(chunk.signature, 64);
  if (!(await isEd25519Signature(parseHex(recorderKey, 32), signature, chunkSigningPayload(bytes)))) {
    throw invalid(`chunk ${header.chunkIndex} is not signed by the recorder`);
  }
  return { header, hash: chunkHeaderHash(bytes) };
}

function verifyNeighbours(before: ProvenHeader, header: ChunkHeader): void {
  const distance = header.chunkIndex - before.header.chunkIndex;
  if (distance < 1) throw invalid('the chunks do not stand by rising index');
  if (distance === 1 && !equalBytes(header.previousHash, before.hash)) {
    throw invalid(`chunk ${header.chunkIndex} does not follow the one before it`);
  }
}

function verifyTotals({ manifest }: ProofBundle, proven: readonly ProvenHeader[]): void {
  const isWhole = proven.length === manifest.chunkCount;
  for (const [total, size] of [
    ['plainBytes', 'plainSize'],
    ['cipherBytes', 'cipherSize'],
  ] as const) {
    const sum = proven.reduce((bytes, { header }) => bytes + header[size], 0);
    if (sum > manifest[total] || (isWhole && sum !== manifest[total])) throw invalid(`the chunks contradict ${total}`);
  }
}

/** Throws unless the file is the chunk whose header the bundle proves. */
export function verifyChunkFile(bundle: ProofBundle, file: ChunkFile): string {
  const header = bundle.chunks
    .map((chunk) => parseChunkHeader(parseHex(chunk.header)))
    .find(({ chunkIndex }) => chunkIndex === file.chunkIndex);
  if (header === undefined) throw invalid(`the bundle has no proof of chunk ${file.chunkIndex}`);
  if (header.cipherSize !== file.cipherSize || !equalBytes(header.cipherDigest, file.cipherDigest)) {
    throw invalid(`the file is not chunk ${file.chunkIndex}`);
  }
  return `the file is chunk ${file.chunkIndex}, ${toHex(header.cipherDigest)}`;
}

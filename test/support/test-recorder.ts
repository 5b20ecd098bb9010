import { createHash, randomBytes } from 'node:crypto';
import type { NewSession, Seal, Session as SessionView } from '@lucid/common/apis/sessions-schemas';
import { toHex } from '@lucid/common/formats/bytes';
import {
  type ChunkHeader,
  chunkHeaderHash,
  chunkLeafHash,
  chunkSigningPayload,
  encodeChunkHeader,
} from '@lucid/common/formats/chunk';
import { createEd25519Seed, type Ed25519Signer, openEd25519Signer } from '@lucid/common/formats/ed25519';
import { encodeManifest, type Manifest, signManifest } from '@lucid/common/formats/manifest';
import { computeRootHash } from '@lucid/common/formats/merkle';
import { sessionJoinMessage } from '@lucid/common/formats/session-join';

export type { SessionView };

/** A chunk ready to send. */
export interface TestChunk {
  readonly chunkIndex: number;
  readonly content: Uint8Array<ArrayBuffer>;
  readonly header: Uint8Array;
  readonly headers: ChunkRequestHeaders;
}

interface ChunkRequestHeaders {
  'content-digest': string;
  'lucid-captured-at': string;
  'lucid-plain-size': string;
  'lucid-cipher-size': string;
  'lucid-chunk-salt': string;
  'lucid-previous-hash': string;
  'lucid-header-signature': string;
}

/** Signs what a recorder signs. Contents are random bytes in place of ciphertext: the platform cannot tell. */
export class TestRecorder {
  readonly signer: Ed25519Signer;

  constructor(signer: Ed25519Signer) {
    this.signer = signer;
  }

  static async create(): Promise<TestRecorder> {
    return new TestRecorder(await openEd25519Signer(createEd25519Seed()));
  }

  get key(): string {
    return toHex(this.signer.publicKey);
  }

  newSession(changes: Partial<NewSession> = {}): NewSession {
    return { recorderKey: this.key, policyHash: 'ab'.repeat(32), retention: { retainForSec: 86_400 }, ...changes };
  }

  async join(sessionId: string, subject: string) {
    const signature = toHex(await this.signer.sign(sessionJoinMessage(sessionId, subject)));
    return { publicKey: this.key, signature };
  }

  async chunk(
    sessionId: string,
    chunkIndex: number,
    content: Uint8Array<ArrayBuffer>,
    changes: Partial<ChunkHeader> = {},
  ): Promise<TestChunk> {
    const fields: ChunkHeader = {
      sessionId,
      chunkIndex,
      capturedAt: 1_767_225_600_000 + chunkIndex,
      plainSize: content.length,
      cipherSize: content.length,
      chunkSalt: randomBytes(16),
      cipherDigest: createHash('sha256').update(content).digest(),
      previousHash: new Uint8Array(32),
      ...changes,
    };
    const header = encodeChunkHeader(fields);
    const signature = await this.signer.sign(chunkSigningPayload(header));
    return { chunkIndex, content, header, headers: requestHeaders(fields, toHex(signature)) };
  }

  /** Chunks that name one another, `count` of them. */
  async chunks(sessionId: string, count: number, size = 64): Promise<TestChunk[]> {
    const made: TestChunk[] = [];
    let previousHash: Uint8Array = new Uint8Array(32);
    for (let index = 0; index < count; index++) {
      const chunk = await this.chunk(sessionId, index, new Uint8Array(randomBytes(size)), { previousHash });
      previousHash = chunkHeaderHash(chunk.header);
      made.push(chunk);
    }
    return made;
  }

  manifest(session: SessionView, chunks: readonly TestChunk[], changes: Partial<Manifest> = {}): Manifest {
    const bytes = chunks.reduce((total, { content }) => total + content.length, 0);
    return {
      type: 'lucid/manifest@1',
      sessionId: session.sessionId,
      labels: session.labels,
      owner: { subject: session.ownerId, address: session.ownerAddress },
      recorderKey: session.recorderKey,
      participants: session.participants,
      recipients: [],
      policyHash: session.policyHash,
      startedAt: '2026-01-01T00:00:00.000Z',
      endedAt: '2026-01-01T01:00:00.000Z',
      chunkCount: chunks.length,
      plainBytes: bytes,
      cipherBytes: bytes,
      merkleRoot: toHex(computeRootHash(chunks.map(({ header }) => chunkLeafHash(header)))),
      codec: { content: 'application/x-asciicast', compression: 'zstd', encryption: 'aes-256-gcm' },
      recorderVersion: 'test',
      device: 'test',
      retention: session.retention,
      previous: null,
      sealedBy: 'recorder',
      ...changes,
    };
  }

  async seal(manifest: Manifest): Promise<Seal> {
    return { manifest, recorderSignature: await signManifest(encodeManifest(manifest), this.signer) };
  }
}

function requestHeaders(fields: ChunkHeader, signature: string): ChunkRequestHeaders {
  return {
    'content-digest': `sha-256=:${Buffer.from(fields.cipherDigest).toString('base64')}:`,
    'lucid-captured-at': String(fields.capturedAt),
    'lucid-plain-size': String(fields.plainSize),
    'lucid-cipher-size': String(fields.cipherSize),
    'lucid-chunk-salt': toHex(fields.chunkSalt),
    'lucid-previous-hash': toHex(fields.previousHash),
    'lucid-header-signature': signature,
  };
}

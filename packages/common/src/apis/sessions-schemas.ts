import Type, { type Static } from 'typebox';
import { EthereumAddress, Hash32, pageQuery, strictObject, Timestamp, Uint64, Uuid } from './schemas.ts';

export const Ed25519Key = Type.String({
  pattern: '^[0-9a-f]{64}$',
  description: 'Ed25519 public key, 32 bytes, lower-case hex',
});
export const Ed25519Signature = Type.String({
  pattern: '^[0-9a-f]{128}$',
  description: 'Ed25519 signature (RFC 8032), 64 bytes, lower-case hex',
});
const X25519Key = Type.String({
  pattern: '^[0-9a-f]{64}$',
  description: 'X25519 public key, 32 bytes, lower-case hex',
});
const ChunkIndex = Type.Integer({ minimum: 0, maximum: 99_999, description: '0-based' });

export const SessionState = Type.Union(
  [
    Type.Literal('created'),
    Type.Literal('recording'),
    Type.Literal('sealing'),
    Type.Literal('sealed'),
    Type.Literal('anchored'),
  ],
  {
    description:
      'created: nobody joined yet; recording: takes chunks; sealing: the manifest is stored, the ledger is to take it; ' +
      'sealed: the ledger has it, the chain is to take it; anchored: the chain has it',
  },
);
export type SessionState = Static<typeof SessionState>;

export const Participant = strictObject({
  signingKey: Ed25519Key,
  encryptionKey: Type.Optional(X25519Key),
});
export type Participant = Static<typeof Participant>;

export const Retention = strictObject(
  {
    retainForSec: Type.Integer({ minimum: 0, maximum: 10_000_000_000, description: 'Kept at least this long' }),
    deleteAfterSec: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000_000_000,
        description: 'Content is to be erased after this; absent: never. Recorded and sealed; not acted on yet',
      }),
    ),
  },
  { description: 'Counted from the seal' },
);
export type Retention = Static<typeof Retention>;

const Label = Type.String({ minLength: 1, maxLength: 64, pattern: '^[^\\u0000-\\u001f\\u007f]+$' });

/** What is fixed when a session is opened; the manifest must repeat it. */
export const NewSession = strictObject({
  ownerAddress: Type.Optional(
    Type.String({
      pattern: '^0x[0-9a-f]{40}$',
      description: 'Whom the anchor names, lower case; absent: an address derived from your subject (formats/ids)',
    }),
  ),
  recorderKey: Ed25519Key,
  participants: Type.Optional(Type.Array(Participant, { maxItems: 32, default: [] })),
  policyHash: Hash32,
  retention: Retention,
  labels: Type.Optional(Type.Array(Label, { maxItems: 16, default: [] })),
});
export type NewSession = Static<typeof NewSession>;

const ChunkProgress = strictObject({
  durableSeq: Type.Integer({
    minimum: -1,
    description: 'Highest index up to which every chunk is on the disk; -1 before chunk 0 is',
  }),
  lastHeaderHash: Type.Optional(
    Type.String({
      pattern: '^[0-9a-f]{64}$',
      description: 'Header hash of chunk `durableSeq`: what the next one names',
    }),
  ),
  storedCount: Uint64,
  plainBytes: Uint64,
  cipherBytes: Uint64,
});

const SealView = strictObject({
  manifestHash: Hash32,
  merkleRoot: Hash32,
  chunkCount: Uint64,
  sealedAt: Timestamp,
  leafIndex: Type.Optional(
    Type.Integer({ minimum: 0, description: 'Index of the seal in the ledger, once it is there' }),
  ),
});

const AnchorView = strictObject(
  {
    blockNumber: Uint64,
    blockHash: Type.String({ pattern: '^0x[0-9a-f]{64}$' }),
    transactionHash: Type.Optional(Type.String({ pattern: '^0x[0-9a-f]{64}$' })),
    anchoredAt: Timestamp,
  },
  { description: 'The block whose state proves the anchor' },
);

export const Session = strictObject({
  sessionId: Uuid,
  state: SessionState,
  ownerId: Type.String({ description: 'Subject of the token that created it' }),
  ownerAddress: EthereumAddress,
  recorderKey: Ed25519Key,
  participants: Type.Array(Participant),
  joinedKeys: Type.Array(Ed25519Key, { description: 'Keys whose single-use slot is taken' }),
  policyHash: Hash32,
  retention: Retention,
  labels: Type.Array(Type.String()),
  createdAt: Timestamp,
  chunks: ChunkProgress,
  seal: Type.Optional(SealView),
  anchor: Type.Optional(AnchorView),
  problem: Type.Optional(
    strictObject(
      { code: Type.String(), detail: Type.String() },
      { description: 'Why sealing or anchoring stands still' },
    ),
  ),
});
export type Session = Static<typeof Session>;

export const Join = strictObject({
  publicKey: Ed25519Key,
  signature: Ed25519Signature,
});
export type Join = Static<typeof Join>;

export const StoredChunk = strictObject({
  chunkIndex: ChunkIndex,
  headerHash: Hash32,
  durableSeq: Type.Integer({ minimum: -1 }),
});
export type StoredChunk = Static<typeof StoredChunk>;

export const ChunkHeaderView = strictObject({
  chunkIndex: ChunkIndex,
  capturedAt: Type.Integer({ minimum: 0, description: 'Milliseconds since 1970' }),
  plainSize: Uint64,
  cipherSize: Uint64,
  chunkSalt: Type.String({ pattern: '^[0-9a-f]{32}$' }),
  cipherDigest: Hash32,
  previousHash: Hash32,
  headerHash: Hash32,
  header: Type.String({ pattern: '^([0-9a-f]{2})+$', description: 'The binary header, lower-case hex' }),
  signature: Ed25519Signature,
});

export const ChunkProof = strictObject({
  chunkIndex: ChunkIndex,
  treeSize: Uint64,
  header: Type.String({ pattern: '^([0-9a-f]{2})+$', description: 'The leaf data: the binary header, lower-case hex' }),
  leafHash: Hash32,
  proof: Type.Array(Hash32, { description: 'RFC 6962 inclusion proof, leaf to root' }),
  rootHash: Hash32,
});

/** The manifest is held to `formats/manifest`, which refuses unknown members; here it only has to be an object. */
const Manifest = Type.Object({}, { description: 'The manifest, as formats/manifest defines it' });
const ParticipantSignature = strictObject({ publicKey: Ed25519Key, signature: Ed25519Signature });

export const Seal = strictObject({
  manifest: Manifest,
  recorderSignature: Ed25519Signature,
  participantSignatures: Type.Optional(Type.Array(ParticipantSignature, { maxItems: 32, default: [] })),
});
export type Seal = Static<typeof Seal>;

export const SealedManifest = strictObject({
  manifest: Manifest,
  manifestHash: Hash32,
  recorderSignature: Ed25519Signature,
  participantSignatures: Type.Array(ParticipantSignature),
});

export const sessionParams = strictObject({ sessionId: Uuid });
export const chunkParams = strictObject({ sessionId: Uuid, chunkIndex: ChunkIndex });
export const sessionsQuery = strictObject(pageQuery);
export const bundleQuery = strictObject({
  chunks: Type.Optional(
    Type.String({
      pattern: '^[0-9]{1,5}(,[0-9]{1,5}){0,999}$',
      description: 'Indexes of the chunks whose inclusion proofs to add, such as `0,5`',
    }),
  ),
  require: Type.Optional(Type.Literal('anchor', { description: 'Answer only if the bundle has its anchor' })),
});

const decimal = '^(0|[1-9][0-9]{0,15})$';

/** The chunk header's fields that neither the path nor `Content-Digest` gives. */
export const chunkHeaders = Type.Object({
  'content-digest': Type.String({
    pattern: '(^|[ ,])sha-256=:[A-Za-z0-9+/]{43}=:',
    maxLength: 256,
    description: 'RFC 9530, of the ciphertext: `sha-256=:…:`',
  }),
  'lucid-captured-at': Type.String({ pattern: decimal, description: 'Milliseconds since 1970' }),
  'lucid-plain-size': Type.String({ pattern: decimal, description: 'Bytes before compression' }),
  'lucid-cipher-size': Type.String({ pattern: decimal, description: 'Bytes of the body: ciphertext and tag' }),
  'lucid-chunk-salt': Type.String({ pattern: '^[0-9a-f]{32}$', description: '16 bytes, hex' }),
  'lucid-previous-hash': Type.String({
    pattern: '^[0-9a-f]{64}$',
    description: 'Hash of the header before; all zero for index 0',
  }),
  'lucid-header-signature': Type.String({
    pattern: '^[0-9a-f]{128}$',
    description: "Ed25519 signature of the binary header by the recorder's key, hex",
  }),
});

export const rangeHeaders = Type.Object({
  range: Type.Optional(Type.String({ maxLength: 128, description: 'One byte range (RFC 9110 §14.2)' })),
  'if-range': Type.Optional(Type.String({ maxLength: 256 })),
  'if-none-match': Type.Optional(Type.String({ maxLength: 1024 })),
});

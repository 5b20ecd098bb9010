import { type Bytes, concatBytes, parseHex, toHex, utf8 } from './bytes.ts';
import { encodeCanonicalJson, parseJson } from './canonical-json.ts';
import { CHUNK_COUNT_MAX } from './chunk.ts';
import { type Ed25519Signer, isEd25519Signature } from './ed25519.ts';
import { malformed } from './malformed.ts';
import { sha256 } from './sha256.ts';
import {
  hex,
  hex0x,
  integer,
  list,
  literal,
  nullable,
  object,
  optional,
  readDocument,
  type Shaped,
  sessionIdText,
  text,
  timestamp,
} from './shape.ts';

export const MANIFEST_SIZE_MAX = 256 * 1024;
/** How far a recorder's clock may be ahead of the platform's: a session that ends later than that in its future is refused. */
export const CLOCK_AHEAD_MS_MAX = 600_000;
const PARTICIPANTS_MAX = 256;
const RETENTION_SEC_MAX = 10_000_000_000;
const DOMAIN = utf8('lucid/manifest/v1\0');

const manifestShape = {
  type: literal('lucid/manifest@1'),
  sessionId: sessionIdText,
  labels: list(text(64), 16),
  /** The user's id at the platform, and the address the session is anchored under. */
  owner: object({ subject: text(128), address: hex0x(20) }),
  /** Ed25519, signs chunk headers and the manifest. */
  recorderKey: hex(32),
  /** Who took part: an Ed25519 key, which may sign the manifest, and an X25519 key to share the secret with. */
  participants: list(object({ signingKey: hex(32), encryptionKey: optional(hex(32)) }), PARTICIPANTS_MAX),
  /** Who can open the session: the 32-byte secret in an HPKE box (RFC 9180 base mode) for an X25519 key. */
  recipients: list(object({ key: hex(32), enc: hex(32), box: hex(48) }), PARTICIPANTS_MAX),
  /** SHA-256 of the owner's canonical policy. */
  policyHash: hex(32),
  startedAt: timestamp,
  endedAt: timestamp,
  chunkCount: integer(1, CHUNK_COUNT_MAX),
  plainBytes: integer(0, Number.MAX_SAFE_INTEGER),
  cipherBytes: integer(1, Number.MAX_SAFE_INTEGER),
  /** RFC 6962 root over the chunk headers. */
  merkleRoot: hex(32),
  /** `content` is the media type of what was recorded. */
  codec: object({ content: text(128), compression: literal('zstd'), encryption: literal('aes-256-gcm') }),
  recorderVersion: text(64),
  device: text(256),
  /** Counted from the seal: kept at least so long, and the content erased after so long, if ever. */
  retention: object({
    retainForSec: integer(0, RETENTION_SEC_MAX),
    deleteAfterSec: optional(integer(1, RETENTION_SEC_MAX)),
  }),
  /** The session this one resumes. */
  previous: nullable(object({ sessionId: sessionIdText, manifestHash: hex(32) })),
  /** The platform seals what there is when the recorder fell silent; then no recorder's signature exists. */
  sealedBy: literal('recorder', 'platform'),
};

const readManifest = object(manifestShape);

/** Everything about a sealed session; nothing about it is outside the hash. */
export type Manifest = Shaped<typeof manifestShape>;

function invalid(detail: string): Error {
  return malformed('MANIFEST_INVALID', detail);
}

/** Checks the rules that span members. */
function requireSound(manifest: Manifest): Manifest {
  const { retention, participants, recipients, previous } = manifest;
  if (previous?.sessionId === manifest.sessionId) throw invalid('the session resumes itself');
  if (manifest.startedAt > manifest.endedAt) throw invalid('the session ends before it starts');
  if ((retention.deleteAfterSec ?? Infinity) < retention.retainForSec) {
    throw invalid('the content would be erased before it may be');
  }
  for (const keys of [participants.map((one) => one.signingKey), recipients.map((one) => one.key)]) {
    if (new Set(keys).size !== keys.length) throw invalid('a key is listed twice');
  }
  return manifest;
}

/** The canonical bytes of a manifest (RFC 8785); `MANIFEST_INVALID` when it is not a sound one. */
export function encodeManifest(manifest: Manifest): Bytes {
  const bytes = encodeCanonicalJson(manifest);
  parseManifest(bytes);
  return bytes;
}

/** Parses canonical bytes; `MANIFEST_INVALID` on any misfit, and the codes of `parseJson`. */
export function parseManifest(bytes: Uint8Array): Manifest {
  const value = parseJson(bytes, { canonical: true, sizeMax: MANIFEST_SIZE_MAX });
  return requireSound(readDocument(readManifest, value, 'MANIFEST_INVALID'));
}

/** What is hashed, and what recorder and participants sign: "lucid/manifest/v1\0" ‖ canonical bytes. */
export function manifestSigningPayload(manifest: Uint8Array): Bytes {
  return concatBytes(DOMAIN, manifest);
}

/** SHA-256("lucid/manifest/v1\0" ‖ canonical bytes), in hex: what the seal and the anchor carry. */
export function manifestHash(manifest: Uint8Array): string {
  return toHex(sha256(manifestSigningPayload(manifest)));
}

/** A signature of the manifest, in hex. */
export async function signManifest(manifest: Uint8Array, signer: Ed25519Signer): Promise<string> {
  return toHex(await signer.sign(manifestSigningPayload(manifest)));
}

/** Throws `MANIFEST_SIGNATURE_INVALID` unless `signature` (hex) is `key`'s (hex) over these canonical bytes. */
export async function verifyManifestSignature(manifest: Uint8Array, key: string, signature: string): Promise<void> {
  const payload = manifestSigningPayload(manifest);
  if (!(await isEd25519Signature(parseHex(key, 32), parseHex(signature, 64), payload))) {
    throw malformed('MANIFEST_SIGNATURE_INVALID', `the manifest is not signed by ${key}`);
  }
}

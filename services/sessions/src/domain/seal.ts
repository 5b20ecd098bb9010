import type { Seal as SealRequest } from '@lucid/common/apis/sessions-schemas';
import { isAppError } from '@lucid/common/errors';
import { parseUtf8, toHex, utf8 } from '@lucid/common/formats/bytes';
import { canonicalJsonText, encodeCanonicalJson } from '@lucid/common/formats/canonical-json';
import {
  CLOCK_AHEAD_MS_MAX,
  type Manifest,
  manifestHash,
  parseManifest,
  verifyManifestSignature,
} from '@lucid/common/formats/manifest';
import type { AnchorProof } from '@lucid/common/formats/proof-bundle';
import { sessionError } from '../errors.ts';
import type { ChunkTree } from './chunk-tree.ts';
import { requireState, type SessionRecord } from './session.ts';

export type { SealRequest };

/** What is kept of a seal: the signed manifest, then the ledger's receipt, then the anchor's proof. */
export interface SealRecord {
  readonly sessionId: string;
  /** The canonical JSON, verbatim. */
  readonly manifestText: string;
  readonly manifestHash: string;
  readonly recorderSignature: string;
  readonly participantSignatures: readonly ParticipantSignature[];
  /** c2sp.org/tlog-proof@v1 of the seal's entry. */
  readonly receipt?: string;
  readonly anchor?: AnchorProof;
}

interface ParticipantSignature {
  readonly publicKey: string;
  readonly signature: string;
}

/** The manifest of a kept seal. */
export function manifestOf({ manifestText }: SealRecord): { readonly bytes: Uint8Array; readonly manifest: Manifest } {
  const bytes = utf8(manifestText);
  return { bytes, manifest: parseManifest(bytes) };
}

/**
 * The seal a request asks for; nothing is compared with the session yet.
 * @throws SESSION_MANIFEST_INVALID
 */
export function readSeal(sessionId: string, request: SealRequest): SealRecord {
  try {
    const bytes = encodeCanonicalJson(request.manifest);
    parseManifest(bytes);
    return {
      sessionId,
      manifestText: parseUtf8(bytes),
      manifestHash: manifestHash(bytes),
      recorderSignature: request.recorderSignature,
      participantSignatures: request.participantSignatures ?? [],
    };
  } catch (error) {
    if (!isAppError(error)) throw error;
    const pointer = typeof error.data['pointer'] === 'string' ? error.data['pointer'] : '';
    throw sessionError('SESSION_MANIFEST_INVALID', error.message, {
      cause: error,
      errors: [{ pointer: `/body/manifest${pointer}`, detail: error.message }],
    });
  }
}

/**
 * Whether the session is sealed with this very manifest already.
 * @throws SESSION_SEAL_CONFLICT when it is sealed with another, SESSION_STATE_INVALID when it cannot be sealed yet
 */
export function isSealedBy(session: SessionRecord, seal: SealRecord): boolean {
  if (!session.seal) {
    requireState(session, 'recording');
    return false;
  }
  if (session.seal.manifestHash === seal.manifestHash) return true;
  throw sessionError('SESSION_SEAL_CONFLICT', 'The session is sealed with another manifest.', {
    data: { manifestHash: session.seal.manifestHash },
  });
}

/** @throws SESSION_EMPTY, SESSION_INCOMPLETE with the first missing index */
export function requireComplete({ progress }: SessionRecord): void {
  const { durableSeq, storedCount } = progress;
  if (storedCount === 0) throw sessionError('SESSION_EMPTY', 'The session has no chunks.');
  if (durableSeq + 1 === storedCount) return;
  throw sessionError('SESSION_INCOMPLETE', `Chunk ${durableSeq + 1} is missing, and later ones are there.`, {
    data: { missing: durableSeq + 1 },
  });
}

/** @throws SESSION_SIGNATURE_INVALID when a signature does not hold or its key has no place in the session */
export async function verifySealSignatures(session: SessionRecord, seal: SealRecord): Promise<void> {
  const places = new Set(session.participants.map(({ signingKey }) => signingKey));
  const signed = [{ publicKey: session.recorderKey, signature: seal.recorderSignature }];
  for (const entry of seal.participantSignatures) {
    if (!places.delete(entry.publicKey)) {
      throw sessionError('SESSION_SIGNATURE_INVALID', `${entry.publicKey} is no participant, or signs twice.`);
    }
    signed.push(entry);
  }
  const manifest = utf8(seal.manifestText);
  for (const { publicKey, signature } of signed) {
    await verifyManifestSignature(manifest, publicKey, signature).catch((cause: unknown) => {
      throw sessionError('SESSION_SIGNATURE_INVALID', `The manifest is not signed by ${publicKey}.`, { cause });
    });
  }
}

/**
 * Holds the manifest to what the platform knows of the session.
 * @throws SESSION_MANIFEST_MISMATCH naming the field, SESSION_ROOT_MISMATCH
 */
export function compareManifest(session: SessionRecord, manifest: Manifest, tree: ChunkTree): void {
  const { progress } = session;
  const expected: Partial<Record<keyof Manifest, unknown>> = {
    sessionId: session.sessionId,
    owner: { subject: session.ownerId, address: session.ownerAddress },
    recorderKey: session.recorderKey,
    participants: session.participants,
    policyHash: session.policyHash,
    retention: session.retention,
    labels: session.labels,
    chunkCount: tree.treeSize,
    plainBytes: progress.plainBytes,
    cipherBytes: progress.cipherBytes,
    sealedBy: 'recorder',
  };
  for (const [field, value] of Object.entries(expected)) {
    if (canonicalJsonText(manifest[field as keyof Manifest]) !== canonicalJsonText(value)) throw mismatch(field);
  }
  if (manifest.merkleRoot !== toHex(tree.rootHash)) {
    const detail = 'The stored chunk headers have another root than the manifest says.';
    throw sessionError('SESSION_ROOT_MISMATCH', detail, { data: { merkleRoot: toHex(tree.rootHash) } });
  }
}

/**
 * Refuses a session that ends in the future: no verifier would take it, because the chain anchors it before its end.
 * @throws SESSION_MANIFEST_MISMATCH
 */
export function requireEnded({ endedAt }: Manifest, now: number): void {
  if (Date.parse(endedAt) <= now + CLOCK_AHEAD_MS_MAX) return;
  const detail = 'The manifest says that the session ends in the future: the recorder’s clock is ahead.';
  throw sessionError('SESSION_MANIFEST_MISMATCH', detail, {
    data: { field: 'endedAt' },
    errors: [{ pointer: '/body/manifest/endedAt', detail: 'is in the future' }],
  });
}

/** @throws SESSION_MANIFEST_MISMATCH unless the session it says it resumes is one of this owner's, so sealed */
export function comparePrevious(session: SessionRecord, manifest: Manifest, previous: SessionRecord | undefined): void {
  if (manifest.previous === null) return;
  const isSame =
    previous?.ownerId === session.ownerId &&
    previous.sessionId !== session.sessionId &&
    previous.seal?.manifestHash === manifest.previous.manifestHash;
  if (!isSame) throw mismatch('previous');
}

function mismatch(field: string): Error {
  const detail = `The manifest’s ${field} is not the session’s.`;
  return sessionError('SESSION_MANIFEST_MISMATCH', detail, {
    data: { field },
    errors: [{ pointer: `/body/manifest/${field}`, detail: 'is not what the session was opened or recorded with' }],
  });
}

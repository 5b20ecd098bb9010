import { AppError } from '@lucid/common/errors';
import { parseHex, parseUtf8, toHex, utf8 } from '@lucid/common/formats/bytes';
import { chunkLeafHash } from '@lucid/common/formats/chunk';
import { appendLeafHash, compactRangeRoot, createCompactRange } from '@lucid/common/formats/compact-range';
import { type Ed25519Signer, openEd25519Signer } from '@lucid/common/formats/ed25519';
import { encodeManifest, type Manifest, parseManifest, signManifest } from '@lucid/common/formats/manifest';
import type { SessionsClient } from '../lucid-client.ts';
import { sealSecret } from '../recipients.ts';
import type { Journal } from './journal.ts';
import type { KeptSeal, OpenedSession, Session } from './recording.ts';
import { type RetryOptions, retryTransient } from './retry.ts';

export interface SealOptions extends RetryOptions {
  readonly sessions: Pick<SessionsClient, 'sealSession'>;
  readonly journal: Journal;
  /** Participants whose keys are at hand and who sign at once; others may sign later. */
  readonly participants?: readonly Ed25519Signer[];
  /** The sealed session this one resumes. */
  readonly previous?: Manifest['previous'];
}

/**
 * Seals a recording whose chunks are all acknowledged: the manifest is made and signed once, kept, and sent until the
 * platform has it. Ledger and chain follow by themselves; see `waitForState`.
 * @throws AppError RECORDING_EMPTY, RECORDING_INCOMPLETE; the API's errors
 */
export async function sealRecording(options: SealOptions): Promise<Session> {
  const { sessions, journal, participants = [], previous = null } = options;
  const session = requireComplete(journal);
  const seal = journal.seal ?? (await keepSeal(journal, session, previous));
  const manifest = parseManifest(utf8(seal.manifest));
  const participantSignatures = await Promise.all(
    participants.map(async (signer) => ({
      publicKey: toHex(signer.publicKey),
      signature: await signManifest(utf8(seal.manifest), signer),
    })),
  );
  const { recorderSignature } = seal;
  const body = { manifest, recorderSignature, participantSignatures };
  const params = { sessionId: session.sessionId };
  return await retryTransient(() => sessions.sealSession({ params, body }), options);
}

function requireComplete({ session, chunkCount, pending }: Journal): OpenedSession {
  if (session === undefined || chunkCount === 0) {
    throw new AppError('RECORDING_EMPTY', 'Nothing is recorded yet.', { status: 409 });
  }
  if (pending.length > 0) {
    const detail = `${pending.length} chunks are not acknowledged yet; resume the recording first.`;
    throw new AppError('RECORDING_INCOMPLETE', detail, { status: 409 });
  }
  return session;
}

async function keepSeal(journal: Journal, session: OpenedSession, previous: Manifest['previous']): Promise<KeptSeal> {
  const bytes = encodeManifest(await createManifest(journal, session, previous));
  const signer = await openEd25519Signer(parseHex(journal.plan.recorderSeed, 32));
  const seal = { manifest: parseUtf8(bytes), recorderSignature: await signManifest(bytes, signer) };
  await journal.keepSeal(seal);
  return seal;
}

async function createManifest(
  journal: Journal,
  session: OpenedSession,
  previous: Manifest['previous'],
): Promise<Manifest> {
  const { plan, chunkCount, plainBytes, cipherBytes } = journal;
  const { sessionId, ownerId, ownerAddress, ...fixed } = session;
  const tree = createCompactRange();
  for (const header of journal.headers) appendLeafHash(tree, chunkLeafHash(header));
  const encryptionKeys = session.participants.flatMap(({ encryptionKey }) => encryptionKey ?? []);
  const keys = [...new Set([...encryptionKeys, ...plan.recipients])];
  const secret = parseHex(plan.secret, 32);
  return {
    type: 'lucid/manifest@1',
    sessionId,
    ...fixed,
    owner: { subject: ownerId, address: ownerAddress },
    recipients: await Promise.all(keys.map((key) => sealSecret(secret, sessionId, key))),
    startedAt: new Date(plan.startedAt).toISOString(),
    endedAt: new Date(Math.max(journal.lastCapturedAt, Date.now())).toISOString(),
    chunkCount,
    plainBytes,
    cipherBytes,
    merkleRoot: toHex(compactRangeRoot(tree)),
    codec: { content: plan.content, compression: 'zstd', encryption: 'aes-256-gcm' },
    recorderVersion: plan.recorderVersion,
    device: plan.device,
    previous,
    sealedBy: 'recorder',
  };
}

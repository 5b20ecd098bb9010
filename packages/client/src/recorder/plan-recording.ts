import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { AppError } from '@lucid/common/errors';
import { parseHex, toHex } from '@lucid/common/formats/bytes';
import { canonicalJsonText } from '@lucid/common/formats/canonical-json';
import { createEd25519Seed, openEd25519Signer } from '@lucid/common/formats/ed25519';
import { ownerAddressOf } from '@lucid/common/formats/ids';
import { CLOCK_AHEAD_MS_MAX } from '@lucid/common/formats/manifest';
import { sessionJoinMessage } from '@lucid/common/formats/session-join';
import type { SessionsClient } from '../lucid-client.ts';
import type { Journal } from './journal.ts';
import type { NewSession, OpenedSession, RecordingPlan, Session } from './recording.ts';
import { type RetryOptions, retryTransient } from './retry.ts';

export interface PlanOptions extends Omit<NewSession, 'recorderKey'> {
  /** Media type of what is recorded; `application/octet-stream` unless given. */
  readonly content?: string;
  readonly recipients?: readonly string[];
  readonly device?: string;
  /** The recorder's own Ed25519 seed; a fresh one unless given. */
  readonly recorderSeed?: Uint8Array;
}

const RECORDER_VERSION = 'lucid/0.1.0';

/** Draws the keys of a new recording and settles what it will say about itself. */
export async function planRecording(options: PlanOptions): Promise<RecordingPlan> {
  const { content = 'application/octet-stream', recipients = [], device, recorderSeed, ...newSession } = options;
  const seed = recorderSeed ?? createEd25519Seed();
  const { publicKey } = await openEd25519Signer(seed);
  return {
    version: 1,
    idempotencyKey: randomUUID(),
    recorderSeed: toHex(seed),
    secret: toHex(createEd25519Seed()),
    newSession: { ...newSession, recorderKey: toHex(publicKey) },
    recipients,
    content,
    device: device ?? `${process.platform} ${process.arch} ${hostname()}`.slice(0, 256),
    recorderVersion: RECORDER_VERSION,
    startedAt: Date.now(),
  };
}

/**
 * Opens the journal's session on the platform and takes the recorder's place in it; both at most once, whenever the
 * recorder or the platform died before. The session must be the planned one: the secret is boxed for its participants,
 * and a recorder that meets another policy voids it.
 * @throws AppError SESSION_NOT_AS_PLANNED, RECORDER_CLOCK_AHEAD; the API's errors
 */
export async function openRecording(
  sessions: SessionsClient,
  journal: Journal,
  retry: RetryOptions = {},
): Promise<OpenedSession> {
  if (journal.session !== undefined) return journal.session;
  const { newSession, idempotencyKey, recorderSeed } = journal.plan;
  const created = await retryTransient(() => sessions.createSession({ body: newSession }, { idempotencyKey }), retry);
  const { sessionId, ownerId } = created;
  const session = await retryTransient(() => sessions.getSession({ params: { sessionId } }), retry);
  requireAsPlanned(session, journal.plan, created);
  if (!session.joinedKeys.includes(newSession.recorderKey)) {
    const signer = await openEd25519Signer(parseHex(recorderSeed, 32));
    const signature = toHex(await signer.sign(sessionJoinMessage(sessionId, ownerId)));
    const body = { publicKey: newSession.recorderKey, signature };
    const options = { idempotencyKey: `${idempotencyKey}/join` };
    await retryTransient(() => sessions.joinSession({ params: { sessionId }, body }, options), retry);
  }
  const { ownerAddress, recorderKey, participants, policyHash, retention, labels } = session;
  const fixed = { sessionId, ownerId, ownerAddress, recorderKey, participants, policyHash, retention, labels };
  await journal.keepSession(fixed);
  return fixed;
}

function requireAsPlanned(
  session: Session,
  { newSession, startedAt }: RecordingPlan,
  { sessionId, ownerId }: Pick<Session, 'sessionId' | 'ownerId'>,
): void {
  const { ownerAddress = ownerAddressOf(ownerId), participants = [], labels = [], ...planned } = newSession;
  const expected = { ...planned, sessionId, ownerId, ownerAddress, participants, labels };
  for (const [field, value] of Object.entries(expected)) {
    if (canonicalJsonText(session[field as keyof Session] ?? null) !== canonicalJsonText(value)) {
      const detail = `The platform opened a session with another ${field} than planned; nothing is recorded into it.`;
      throw new AppError('SESSION_NOT_AS_PLANNED', detail, { status: 409, data: { field } });
    }
  }
  if (startedAt > Date.parse(session.createdAt) + CLOCK_AHEAD_MS_MAX) {
    const detail = `This machine's clock is ahead: the platform's says ${session.createdAt}. Set it and record anew.`;
    throw new AppError('RECORDER_CLOCK_AHEAD', detail, { status: 409, data: { platformTime: session.createdAt } });
  }
}

import type {
  NewSession,
  Participant,
  Retention,
  SessionState,
  Session as SessionView,
} from '@lucid/common/apis/sessions-schemas';
import { ownerAddressOf } from '@lucid/common/formats/ids';
import { formatTime } from '@lucid/common/runtime/clock';
import { sessionError } from '../errors.ts';

export type { SessionView };

/** A key whose place was taken, and by whom. */
export interface Member {
  readonly publicKey: string;
  readonly subject: string;
  /** Milliseconds since 1970. */
  readonly joinedAt: number;
}

/** What a session is at one moment. Replaced as a whole, never changed in place. */
export interface SessionRecord {
  readonly sessionId: string;
  readonly state: SessionState;
  readonly ownerId: string;
  readonly ownerAddress: string;
  readonly recorderKey: string;
  readonly participants: readonly Participant[];
  readonly policyHash: string;
  readonly retention: Retention;
  readonly labels: readonly string[];
  /** Milliseconds since 1970, as all times here. */
  readonly createdAt: number;
  readonly members: readonly Member[];
  readonly progress: Progress;
  readonly seal?: SealSummary;
  readonly anchor?: AnchorSummary;
  readonly problem?: Problem;
}

/** How far the chunks are. */
export interface Progress {
  /** Every chunk up to this index is durable; -1 before chunk 0 is. */
  readonly durableSeq: number;
  /** Hash of the header of chunk `durableSeq`, hex. */
  readonly lastHeaderHash?: string;
  readonly storedCount: number;
  readonly plainBytes: number;
  readonly cipherBytes: number;
}

export interface SealSummary {
  readonly manifestHash: string;
  readonly merkleRoot: string;
  readonly chunkCount: number;
  readonly sealedAt: number;
  readonly leafIndex?: number;
}

export interface AnchorSummary {
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly transactionHash?: string;
  readonly anchoredAt: number;
}

export interface Problem {
  readonly code: string;
  readonly detail: string;
}

/**
 * A session nobody has joined yet.
 * @throws SESSION_KEYS_INVALID when a signing key has two places
 */
export function openSession(sessionId: string, ownerId: string, fixed: NewSession, now: number): SessionRecord {
  const participants = fixed.participants ?? [];
  const keys = [fixed.recorderKey, ...participants.map((participant) => participant.signingKey)];
  if (new Set(keys).size !== keys.length) {
    throw sessionError('SESSION_KEYS_INVALID', 'Every signing key, the recorder’s included, has one place only.');
  }
  return {
    sessionId,
    state: 'created',
    ownerId,
    ownerAddress: fixed.ownerAddress ?? ownerAddressOf(ownerId),
    recorderKey: fixed.recorderKey,
    participants,
    policyHash: fixed.policyHash,
    retention: fixed.retention,
    labels: fixed.labels ?? [],
    createdAt: now,
    members: [],
    progress: { durableSeq: -1, storedCount: 0, plainBytes: 0, cipherBytes: 0 },
  };
}

/** Whether the key has a place in the session, taken or not. */
export function hasPlace({ recorderKey, participants }: SessionRecord, publicKey: string): boolean {
  return publicKey === recorderKey || participants.some(({ signingKey }) => signingKey === publicKey);
}

/**
 * The session with the member in it; the first one starts the recording.
 * @throws SESSION_JOIN_USED when the place is taken, SESSION_STATE_INVALID once sealing has begun
 */
export function joinSession(session: SessionRecord, member: Member): SessionRecord {
  if (session.members.some(({ publicKey }) => publicKey === member.publicKey)) {
    throw sessionError('SESSION_JOIN_USED', 'The place of this key is taken; it is single use.');
  }
  requireState(session, 'created', 'recording');
  return { ...session, state: 'recording', members: [...session.members, member] };
}

/** @throws SESSION_STATE_INVALID unless the session is in one of the states */
export function requireState(session: SessionRecord, ...allowed: readonly SessionState[]): void {
  if (allowed.includes(session.state)) return;
  throw sessionError('SESSION_STATE_INVALID', `The session is ${session.state}; this needs ${allowed.join(' or ')}.`, {
    data: { state: session.state },
  });
}

/** Whether the session still counts against its owner's limit. */
export function isOpen({ state }: SessionRecord): boolean {
  return state === 'created' || state === 'recording';
}

/** The session as the API shows it. */
export function viewOf(session: SessionRecord): SessionView {
  const { members, progress, createdAt, participants, labels, seal, anchor, ...rest } = session;
  return {
    ...rest,
    participants: [...participants],
    labels: [...labels],
    joinedKeys: members.map(({ publicKey }) => publicKey),
    createdAt: formatTime(createdAt),
    chunks: progress,
    ...(seal ? { seal: { ...seal, sealedAt: formatTime(seal.sealedAt) } } : {}),
    ...(anchor ? { anchor: { ...anchor, anchoredAt: formatTime(anchor.anchoredAt) } } : {}),
  };
}

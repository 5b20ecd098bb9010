import type { NewSession as NewSessionSchema, Session as SessionSchema } from '@lucid/common/apis/sessions-schemas';
import type { Static } from 'typebox';

export type NewSession = Static<typeof NewSessionSchema>;
export type Session = Static<typeof SessionSchema>;

/** What a recording is, fixed before its first call. Holds secrets: written for the recorder's owner alone. */
export interface RecordingPlan {
  readonly version: 1;
  /** Makes opening the session repeatable. */
  readonly idempotencyKey: string;
  /** 32 bytes, hex: the recorder's Ed25519 seed. */
  readonly recorderSeed: string;
  /** 32 bytes, hex. */
  readonly secret: string;
  readonly newSession: NewSession;
  /** X25519 keys (hex) to share the secret with, besides the participants'. */
  readonly recipients: readonly string[];
  /** Media type of what is recorded. */
  readonly content: string;
  readonly device: string;
  readonly recorderVersion: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
}

/** The session as the platform opened it: what the manifest must repeat. */
export type OpenedSession = Pick<
  Session,
  'sessionId' | 'ownerId' | 'ownerAddress' | 'recorderKey' | 'participants' | 'policyHash' | 'retention' | 'labels'
>;

/** The seal as it was first sent: a retry must send the same manifest. */
export interface KeptSeal {
  /** Canonical JSON. */
  readonly manifest: string;
  readonly recorderSignature: string;
}

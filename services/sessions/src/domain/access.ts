import { hasRole, type Identity } from '@lucid/common/http/identity';
import { sessionError } from '../errors.ts';
import type { SessionRecord } from './session.ts';
import type { SessionStore } from './session-store.ts';

/** Who may read every session of the platform. */
export function seesAll(identity: Identity): boolean {
  return hasRole(identity, 'auditor', 'operator', 'admin');
}

/** The owner, whoever joined, and those who see all. */
export function mayRead(session: SessionRecord, identity: Identity): boolean {
  return (
    session.ownerId === identity.subject ||
    session.members.some(({ subject }) => subject === identity.subject) ||
    seesAll(identity)
  );
}

/** The owner, and whoever took the recorder's place. */
export function mayWrite(session: SessionRecord, identity: Identity): boolean {
  return (
    session.ownerId === identity.subject ||
    session.members.some((member) => member.publicKey === session.recorderKey && member.subject === identity.subject)
  );
}

/** @throws SESSION_NOT_FOUND also for a session that is another's: nobody learns which ids exist */
export async function getReadable(store: SessionStore, identity: Identity, sessionId: string): Promise<SessionRecord> {
  const session = await store.findSession(sessionId);
  if (session && mayRead(session, identity)) return session;
  throw sessionError('SESSION_NOT_FOUND', 'There is no such session, or it is not yours to see.');
}

/** @throws SESSION_NOT_FOUND as `getReadable`, SESSION_NOT_PERMITTED for one who may only read */
export async function getWritable(store: SessionStore, identity: Identity, sessionId: string): Promise<SessionRecord> {
  const session = await getReadable(store, identity, sessionId);
  if (mayWrite(session, identity)) return session;
  throw sessionError('SESSION_NOT_PERMITTED', 'Only the owner and the recorder write to a session.');
}

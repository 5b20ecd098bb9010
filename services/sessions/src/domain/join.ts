import type { Join } from '@lucid/common/apis/sessions-schemas';
import { parseHex } from '@lucid/common/formats/bytes';
import { isEd25519Signature } from '@lucid/common/formats/ed25519';
import { sessionJoinMessage } from '@lucid/common/formats/session-join';
import { sessionError } from '../errors.ts';
import { hasPlace, type SessionRecord } from './session.ts';

/**
 * Holds a join to the session: the key has a place there, and whoever holds it means this caller.
 * @throws SESSION_NOT_FOUND for no such session and for a key without a place alike, SESSION_JOIN_SIGNATURE_INVALID
 */
export async function verifyJoin(
  session: SessionRecord | undefined,
  subject: string,
  { publicKey, signature }: Join,
): Promise<void> {
  if (!session || !hasPlace(session, publicKey)) {
    throw sessionError('SESSION_NOT_FOUND', 'There is no such session, or this key has no place in it.');
  }
  const message = sessionJoinMessage(session.sessionId, subject);
  if (await isEd25519Signature(parseHex(publicKey, 32), parseHex(signature, 64), message)) return;
  throw sessionError('SESSION_JOIN_SIGNATURE_INVALID', 'The signature does not prove that the key’s holder joins.');
}

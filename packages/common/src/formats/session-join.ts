import { type Bytes, concatBytes, utf8 } from './bytes.ts';
import { parseSessionId } from './ids.ts';

/**
 * What a key signs to take its place in a session: "lucid/join/v1" ‖ 0x00 ‖ sessionId (16 bytes) ‖ subject (UTF-8).
 * Naming the subject of the caller's token makes the signature worthless to anybody else.
 * `SESSION_ID_MALFORMED` unless the id is a lower-case UUIDv4.
 */
export function sessionJoinMessage(sessionId: string, subject: string): Bytes {
  return concatBytes(utf8('lucid/join/v1\0'), parseSessionId(sessionId), utf8(subject));
}

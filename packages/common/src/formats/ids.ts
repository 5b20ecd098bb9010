import { type Bytes, concatBytes, parseHex, parseHex0x, toHex, toHex0x, utf8 } from './bytes.ts';
import { malformed } from './malformed.ts';
import { sha256 } from './sha256.ts';

const UUID4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/u;

/** A fresh session id: a lower-case UUIDv4 (RFC 9562), used once. */
export function createSessionId(): string {
  return crypto.randomUUID();
}

export function isSessionId(text: string): boolean {
  return UUID4.test(text);
}

/** The 16 bytes of a session id; `SESSION_ID_MALFORMED` unless it is a lower-case UUIDv4. */
export function parseSessionId(sessionId: string): Bytes {
  if (!isSessionId(sessionId)) throw malformed('SESSION_ID_MALFORMED', 'a session id is a lower-case UUIDv4');
  return parseHex(sessionId.replaceAll('-', ''), 16);
}

/** The text of 16 bytes; `SESSION_ID_MALFORMED` when they are no UUIDv4. */
export function encodeSessionId(bytes: Uint8Array): string {
  const hex = toHex(bytes);
  const ends = [8, 12, 16, 20, 32];
  const text = ends.map((end, part) => hex.slice(ends[part - 1] ?? 0, end)).join('-');
  if (bytes.length !== 16 || !isSessionId(text)) throw malformed('SESSION_ID_MALFORMED', 'the 16 bytes are no UUIDv4');
  return text;
}

/** A session id as a contract's bytes32: the 16 bytes, then 16 zero bytes; 0x and hex. */
export function sessionIdToBytes32(sessionId: string): string {
  return toHex0x(concatBytes(parseSessionId(sessionId), new Uint8Array(16)));
}

/** The session id in a bytes32; `SESSION_ID_MALFORMED` unless the lower 16 bytes are zero. */
export function sessionIdFromBytes32(bytes32: string): string {
  const bytes = parseHex0x(bytes32, 32);
  if (bytes.subarray(16).some((byte) => byte !== 0)) {
    throw malformed('SESSION_ID_MALFORMED', 'the lower half of the bytes32 is not zero');
  }
  return encodeSessionId(bytes.subarray(0, 16));
}

/**
 * The owner address a session is anchored under when its owner has no wallet: the last 20 bytes of
 * SHA-256("lucid/owner/v1\0" ‖ subject). Nobody holds its key; it only tells owners apart.
 */
export function ownerAddressOf(subject: string): string {
  return toHex0x(sha256(concatBytes(utf8('lucid/owner/v1\0'), utf8(subject))).subarray(12));
}

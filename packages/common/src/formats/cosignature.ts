import { concatBytes, parseBase64, uint64be, utf8 } from './bytes.ts';
import { parseDecimal } from './decimal.ts';
import { isEd25519Signature } from './ed25519.ts';
import { malformed } from './malformed.ts';
import { isMlDsa44Signature } from './ml-dsa.ts';

/** Cosignatures of https://c2sp.org/tlog-cosignature: what they sign, and how they are checked. */

/** What an ML-DSA-44 cosignature signs; a checkpoint is the subtree from 0 to its size. */
export interface CosignedSubtree {
  readonly cosigner: string;
  /** POSIX seconds; 0 when nothing is said of a largest tree. */
  readonly timestampSec: number;
  readonly origin: string;
  readonly start: number;
  readonly end: number;
  readonly hash: Uint8Array;
}

export interface Cosignature {
  readonly timestampSec: number;
  /** 64 bytes of Ed25519, or 2420 of ML-DSA-44. */
  readonly signature: Uint8Array;
}

/** The key material of a cosigner, as a vkey has it. */
export interface CosignerKey {
  readonly name: string;
  /** 0x04 is Ed25519, 0x06 is ML-DSA-44. */
  readonly type: 0x04 | 0x06;
  readonly publicKey: Uint8Array;
}

const SUBTREE_LABEL = utf8('subtree/v1\n\0');
const SIGNATURE_SIZES = { 0x04: 64, 0x06: 2420 } as const;

/** `timestamped_signature`: eight big-endian bytes of time, then the signature. */
export function encodeCosignature({ timestampSec, signature }: Cosignature): Uint8Array {
  return concatBytes(uint64be(timestampSec), signature);
}

/** Takes a `timestamped_signature` apart; undefined on a wrong length or a time past 2^53 - 1, which no clock says. */
export function parseCosignature(type: CosignerKey['type'], bytes: Uint8Array): Cosignature | undefined {
  if (bytes.length !== 8 + SIGNATURE_SIZES[type]) return undefined;
  const seconds = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0);
  if (seconds > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  return { timestampSec: Number(seconds), signature: bytes.subarray(8) };
}

/** What an Ed25519 cosignature signs: the time, then the whole text of the note, extension lines included. */
export function ed25519CosignedMessage(text: string, timestampSec: number): Uint8Array {
  return utf8(`cosignature/v1\ntime ${timestampSec}\n${text}`);
}

/** What an ML-DSA-44 cosignature signs. `COSIGNATURE_MALFORMED` when a part does not fit. */
export function mlDsaCosignedMessage(subtree: CosignedSubtree): Uint8Array {
  const { cosigner, timestampSec, origin, start, end, hash } = subtree;
  if (hash.length !== 32) throw malformed('COSIGNATURE_MALFORMED', 'a root is 32 bytes');
  if (start !== 0 && timestampSec !== 0) {
    throw malformed('COSIGNATURE_MALFORMED', 'a subtree that does not start the log is cosigned without a time');
  }
  const places = concatBytes(uint64be(start), uint64be(end));
  return concatBytes(SUBTREE_LABEL, prefixed(cosigner), uint64be(timestampSec), prefixed(origin), places, hash);
}

/** One byte of length, then 1 to 255 bytes of text. */
function prefixed(text: string): Uint8Array {
  const bytes = utf8(text);
  if (bytes.length === 0 || bytes.length > 255) throw malformed('COSIGNATURE_MALFORMED', 'a name is 1 to 255 bytes');
  return concatBytes(Uint8Array.of(bytes.length), bytes);
}

/** The message a key of this type signs for a checkpoint's text; undefined when an ML-DSA-44 key has nothing to sign. */
export function cosignedMessage(
  { name, type }: Pick<CosignerKey, 'name' | 'type'>,
  text: string,
  timestampSec: number,
): Uint8Array | undefined {
  if (type === 0x04) return ed25519CosignedMessage(text, timestampSec);
  const [origin = '', size = '', root = ''] = text.split('\n');
  const end = parseDecimal(size);
  try {
    if (end === undefined) return undefined;
    return mlDsaCosignedMessage({ cosigner: name, timestampSec, origin, start: 0, end, hash: parseBase64(root, 32) });
  } catch {
    return undefined;
  }
}

/** The cosignature's time when it is the key's over the note's text, else undefined. */
export async function verifyCosignature(
  key: CosignerKey,
  text: string,
  bytes: Uint8Array,
): Promise<number | undefined> {
  const cosignature = parseCosignature(key.type, bytes);
  if (cosignature === undefined) return undefined;
  const { timestampSec, signature } = cosignature;
  const message = cosignedMessage(key, text, timestampSec);
  const isValid = key.type === 0x04 ? isEd25519Signature : isMlDsa44Signature;
  if (message === undefined || !(await isValid(key.publicKey, signature, message))) return undefined;
  return timestampSec;
}

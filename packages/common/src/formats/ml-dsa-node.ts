import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { concatBytes, parseHex } from './bytes.ts';

/** What precedes the 1312 bytes of an ML-DSA-44 public key in its SubjectPublicKeyInfo (RFC 9881). */
const SPKI_PREFIX = parseHex('30820532300b06096086480165030403110382052100');

/**
 * True when `signature` (2420 bytes) is the key's (1312 bytes) over `message`: ML-DSA-44 of FIPS 204, pure, with no
 * context. Wrong lengths and impossible keys are false, never an exception.
 */
export async function isMlDsa44Signature(
  publicKey: Uint8Array,
  signature: Uint8Array,
  message: Uint8Array,
): Promise<boolean> {
  if (publicKey.length !== 1312 || signature.length !== 2420) return false;
  try {
    return verify(null, message, openKey(publicKey), signature);
  } catch {
    return false;
  }
}

function openKey(publicKey: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.from(concatBytes(SPKI_PREFIX, publicKey)), format: 'der', type: 'spki' });
}

import { type Bytes, concatBytes, parseHex } from './bytes.ts';
import { malformed } from './malformed.ts';

/** Ed25519 (RFC 8032) through WebCrypto, from raw 32-byte keys. */
export interface Ed25519Signer {
  readonly publicKey: Bytes;
  /** The 64-byte signature of `message`. */
  sign(message: Uint8Array): Promise<Bytes>;
}

/** What precedes the 32-byte seed in a PKCS #8 private key (RFC 8410). */
const PKCS8_PREFIX = parseHex('302e020100300506032b657004220420');

const ALGORITHM = { name: 'Ed25519' };

/** A fresh 32-byte private seed. */
export function createEd25519Seed(): Bytes {
  return crypto.getRandomValues(new Uint8Array(32));
}

/** Opens a private seed; `ED25519_KEY_INVALID` unless it is 32 bytes. */
export async function openEd25519Signer(seed: Uint8Array): Promise<Ed25519Signer> {
  if (seed.length !== 32) throw malformed('ED25519_KEY_INVALID', 'an Ed25519 seed is 32 bytes');
  const pkcs8 = concatBytes(PKCS8_PREFIX, seed);
  const extractable = await crypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, true, ['sign']);
  const { x } = await crypto.subtle.exportKey('jwk', extractable);
  const key = await crypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign']);
  return {
    publicKey: parseBase64Url(x ?? ''),
    sign: async (message) => new Uint8Array(await crypto.subtle.sign(ALGORITHM, key, new Uint8Array(message))),
  };
}

function parseBase64Url(text: string): Bytes {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** True when `signature` is the key's; wrong lengths and impossible keys are false, never an exception. */
export async function isEd25519Signature(
  publicKey: Uint8Array,
  signature: Uint8Array,
  message: Uint8Array,
): Promise<boolean> {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  try {
    const key = await crypto.subtle.importKey('raw', new Uint8Array(publicKey), ALGORITHM, false, ['verify']);
    return await crypto.subtle.verify(ALGORITHM, key, new Uint8Array(signature), new Uint8Array(message));
  } catch {
    return false;
  }
}

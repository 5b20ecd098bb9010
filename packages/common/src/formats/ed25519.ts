import { type Bytes, concatBytes, parseHex, toHex } from './bytes.ts';
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

/** The points of order 1, 2, 4 and 8, in all their spellings, without the sign of x (the top bit). */
const SMALL_ORDER_POINTS: ReadonlySet<string> = new Set([
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
]);

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

function isOfSmallOrder(point: Uint8Array): boolean {
  return SMALL_ORDER_POINTS.has(toHex(Uint8Array.from(point, (byte, index) => (index === 31 ? byte & 0x7f : byte))));
}

/**
 * True when `signature` is the key's; wrong lengths and impossible keys are false, never an exception. A key of small
 * order, whose signatures anybody can make, is refused here because engines differ: Chromium's WebCrypto takes it,
 * Node's does not, and a proof must hold in both or in neither.
 */
export async function isEd25519Signature(
  publicKey: Uint8Array,
  signature: Uint8Array,
  message: Uint8Array,
): Promise<boolean> {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  if (isOfSmallOrder(publicKey) || isOfSmallOrder(signature.subarray(0, 32))) return false;
  try {
    const key = await crypto.subtle.importKey('raw', new Uint8Array(publicKey), ALGORITHM, false, ['verify']);
    return await crypto.subtle.verify(ALGORITHM, key, new Uint8Array(signature), new Uint8Array(message));
  } catch {
    return false;
  }
}

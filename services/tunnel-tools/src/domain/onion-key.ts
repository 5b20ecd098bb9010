import { createHash, randomBytes } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { tunnelError } from '../errors.ts';
import { onionAddressOf } from './onion-address.ts';

/** The key of an onion service, which is its address. */
export interface OnionKey {
  readonly onionAddress: string;
  readonly publicKey: Uint8Array;
  /** 64 bytes: the clamped scalar and the prefix (RFC 8032 §5.1.5). The seed is not kept: tor has no use for it. */
  readonly expandedKey: Uint8Array;
}

const secretHeader = fileHeader('== ed25519v1-secret: type0 ==');
const publicHeader = fileHeader('== ed25519v1-public: type0 ==');

/** tor's key files start with 32 bytes that say what follows. */
function fileHeader(text: string): Buffer {
  return Buffer.concat([Buffer.from(text, 'latin1')], 32);
}

/** A fresh key. It is made here, so that it can be sealed and stored before tor sees it. */
export function createOnionKey(): OnionKey {
  return onionKeyOf(expandSeed(randomBytes(32)));
}

/** RFC 8032 §5.1.5: SHA-512 of the seed, the first half clamped. */
export function expandSeed(seed: Uint8Array): Uint8Array {
  const expanded = createHash('sha512').update(seed).digest();
  expanded.writeUInt8(expanded.readUInt8(0) & 0xf8, 0);
  expanded.writeUInt8((expanded.readUInt8(31) & 0x7f) | 0x40, 31);
  return expanded;
}

/** The key and address that belong to 64 bytes of expanded key. @throws TUNNEL_KEY_INVALID */
export function onionKeyOf(expandedKey: Uint8Array): OnionKey {
  const low = expandedKey[0] ?? 0;
  const high = expandedKey[31] ?? 0;
  if (expandedKey.length !== 64 || (low & 0x07) !== 0 || (high & 0xc0) !== 0x40) throw invalidKey();
  const scalar = BigInt(`0x${Buffer.from(expandedKey.subarray(0, 32).toReversed()).toString('hex')}`);
  const reduced = scalar % ed25519.Point.Fn.ORDER;
  if (reduced === 0n) throw invalidKey();
  const publicKey = ed25519.Point.BASE.multiply(reduced).toBytes();
  return { onionAddress: onionAddressOf(publicKey), publicKey, expandedKey };
}

/** Reads tor's `hs_ed25519_secret_key` file. @throws TUNNEL_KEY_INVALID */
export function parseSecretKeyFile(file: Uint8Array): OnionKey {
  if (file.length !== 96 || !secretHeader.equals(file.subarray(0, 32))) throw invalidKey();
  return onionKeyOf(Uint8Array.from(file.subarray(32)));
}

/** tor's `hs_ed25519_secret_key` and `hs_ed25519_public_key` files. */
export function encodeKeyFiles(key: OnionKey): { readonly secretKey: Buffer; readonly publicKey: Buffer } {
  return {
    secretKey: Buffer.concat([secretHeader, key.expandedKey]),
    publicKey: Buffer.concat([publicHeader, key.publicKey]),
  };
}

function invalidKey(): Error {
  return tunnelError('TUNNEL_KEY_INVALID', 'The key is not the content of a version 3 hs_ed25519_secret_key file.');
}

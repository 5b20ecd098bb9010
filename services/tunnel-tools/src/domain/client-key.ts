import { createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import { parseBase32, toBase32 } from './base32.ts';

/** An x25519 pair that opens an onion service's descriptor (rend-spec-v3, client authorization). */
export interface ClientKey {
  /** Base32, upper case: what ADD_ONION takes. */
  readonly publicKey: string;
  /** 32 bytes. */
  readonly privateKey: Uint8Array;
}

/** A fresh pair. */
export function createClientKey(): ClientKey {
  const pair = generateKeyPairSync('x25519');
  const privateKey = pair.privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32);
  const publicKey = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  return { publicKey: toBase32(publicKey).toUpperCase(), privateKey };
}

/** Whether the text is a public key somebody can have: a point of small order, to which anybody has the key, is none. */
export function isClientPublicKey(text: string): boolean {
  const bytes = parseBase32(text);
  if (bytes?.length !== 32) return false;
  const key = createPublicKey({ key: Buffer.concat([spkiPrefix, bytes]), format: 'der', type: 'spki' });
  const { privateKey } = generateKeyPairSync('x25519');
  try {
    diffieHellman({ privateKey, publicKey: key });
    return true;
  } catch {
    return false;
  }
}

/** What precedes the 32 bytes of an x25519 public key in SPKI (RFC 8410). */
const spkiPrefix = Buffer.from('302a300506032b656e032100', 'hex');

/** The line of an `.auth_private` file, which a visitor's tor reads from its ClientOnionAuthDir. */
export function formatAuthPrivate(onionAddress: string, privateKey: Uint8Array): string {
  const serviceId = onionAddress.replace(/\.onion$/, '');
  return `${serviceId}:descriptor:x25519:${toBase32(privateKey).toUpperCase()}`;
}

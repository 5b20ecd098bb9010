import { createHash } from 'node:crypto';
import { parseBase32, toBase32 } from './base32.ts';

const version = 3;

/** The address of an Ed25519 public key (rend-spec-v3, ONIONADDRESS): base32 of key, checksum and version. */
export function onionAddressOf(publicKey: Uint8Array): string {
  return `${toBase32(Buffer.concat([publicKey, checksum(publicKey), Uint8Array.of(version)]))}.onion`;
}

/** The public key of an address; undefined for what is none: length, checksum and version are checked. */
export function parseOnionAddress(address: string): Uint8Array | undefined {
  if (!/^[a-z2-7]{56}\.onion$/.test(address)) return undefined;
  const bytes = parseBase32(address.slice(0, 56));
  if (bytes?.length !== 35 || bytes[34] !== version) return undefined;
  const publicKey = bytes.subarray(0, 32);
  return checksum(publicKey).equals(bytes.subarray(32, 34)) ? publicKey : undefined;
}

function checksum(publicKey: Uint8Array): Buffer {
  return createHash('sha3-256')
    .update('.onion checksum')
    .update(publicKey)
    .update(Uint8Array.of(version))
    .digest()
    .subarray(0, 2);
}

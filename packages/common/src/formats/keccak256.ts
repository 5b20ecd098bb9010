import { keccak_256 } from '@noble/hashes/sha3.js';

/** Ethereum's hash: Keccak-256, as it was before SHA-3's padding. */
export function keccak256(data: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(keccak_256(data));
}

/**
 * The two primitives the chain spends its time in, from WebAssembly: keccak-256 (hash-wasm) and public-key
 * recovery (tiny-secp256k1). The pure JavaScript ones inside @ethereumjs are 6-13 times slower, and the native
 * modules ship no ARM64 build. Loaded once per thread, when this module is.
 */

import type { CustomCrypto } from '@ethereumjs/common';
import { createKeccak } from 'hash-wasm';
import { recover } from 'tiny-secp256k1';
import { verifyKzgProof } from './kzg.ts';

const hasher = await createKeccak(256);

/** Keccak-256 of a byte string (the padding of 2011, not SHA-3). */
export function keccak256(bytes: Uint8Array): Uint8Array {
  hasher.init();
  hasher.update(bytes);
  return hasher.digest('binary');
}

/** keccak256(rlp('')): the root of an empty trie. */
export const EMPTY_ROOT: Uint8Array = keccak256(Uint8Array.of(0x80));
/** keccak256(''): the code hash of an account without code. */
export const EMPTY_CODE_HASH: Uint8Array = keccak256(new Uint8Array(0));
/** keccak256(rlp([])): the ommers hash of every block since the merge. */
export const EMPTY_LIST_HASH: Uint8Array = keccak256(Uint8Array.of(0xc0));

function recoveryId(v: bigint, chainId: bigint | undefined): 0 | 1 {
  const id = v === 0n || v === 1n ? v : v === 27n || v === 28n ? v - 27n : v - ((chainId ?? 0n) * 2n + 35n);
  if (id !== 0n && id !== 1n) throw new Error('Invalid signature v value');
  return id === 0n ? 0 : 1;
}

/**
 * Recovers the 64-byte public key of an ECDSA signature.
 * @throws Error where the signature is not one.
 */
export function recoverPublicKey(
  hash: Uint8Array,
  v: bigint,
  r: Uint8Array,
  s: Uint8Array,
  chainId?: bigint,
): Uint8Array {
  const signature = new Uint8Array(64);
  signature.set(r, 32 - r.length);
  signature.set(s, 64 - s.length);
  const key = recover(hash, signature, recoveryId(v, chainId), false);
  if (key === null) throw new Error('Invalid signature');
  return key.subarray(1);
}

/** What @ethereumjs/common takes in place of its own primitives. */
export const chainCrypto: CustomCrypto = {
  keccak256,
  ecrecover: recoverPublicKey,
  kzg: {
    verifyProof: verifyKzgProof,
    blobToKzgCommitment: refuseBlob,
    computeBlobProof: refuseBlob,
    verifyBlobProofBatch: refuseBlob,
    computeCells: refuseBlob,
    computeCellsAndProofs: refuseBlob,
    recoverCellsAndProofs: refuseBlob,
    verifyCellKzgProofBatch: refuseBlob,
  },
};

function refuseBlob(): never {
  throw new Error('blobs are not carried by this chain');
}

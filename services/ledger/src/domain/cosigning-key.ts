import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import {
  createKeyCosigner,
  encodeVerifierKey,
  type NoteSigner,
  type NoteVerifier,
  parseVerifierKey,
} from '@lucid/common/formats/note';

/** A key that cosigns checkpoints, and what others check it with. */
export type CosigningIdentity = { readonly signer: NoteSigner; readonly verifier: NoteVerifier; readonly vkey: string };

const publicKeySizes: Readonly<Record<string, { readonly type: 0x04 | 0x06; readonly size: number }>> = {
  ed25519: { type: 0x04, size: 32 },
  'ml-dsa-44': { type: 0x06, size: 1312 },
};

/**
 * Opens the private keys in a PEM file (PKCS#8, one after another): Ed25519 and ML-DSA-44 ones, which cosign as `name`
 * at the time `clock` gives in POSIX seconds. Throws what `node:crypto` throws, or a TypeError for another kind of key.
 */
export function openCosigningKeys(name: string, pem: string, clock: () => number): CosigningIdentity[] {
  const blocks = splitPem(pem);
  if (blocks.length === 0) throw new TypeError('The file has no PKCS#8 private key.');
  return blocks.map((block) => openCosigningKey(name, createPrivateKey(block), clock));
}

/** The private keys of a PEM file, each by itself. */
export function splitPem(pem: string): string[] {
  return pem.match(/-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/g) ?? [];
}

function openCosigningKey(name: string, key: KeyObject, clock: () => number): CosigningIdentity {
  const kind = publicKeySizes[key.asymmetricKeyType ?? ''];
  if (kind === undefined) throw new TypeError('A cosigning key is Ed25519 or ML-DSA-44.');
  const der = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const publicKey = new Uint8Array(der.subarray(der.length - kind.size));
  const vkey = encodeVerifierKey(name, publicKey, kind.type);
  const signer = createKeyCosigner(
    { name, type: kind.type, publicKey, sign: (message) => signOff(message, key) },
    clock,
  );
  return { signer, verifier: parseVerifierKey(vkey), vkey };
}

/** On the thread pool: an ML-DSA-44 signature takes most of a millisecond. */
function signOff(message: Uint8Array, key: KeyObject): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  sign(null, message, key, (error, signature) => (error ? reject(error) : resolve(signature)));
  return promise;
}

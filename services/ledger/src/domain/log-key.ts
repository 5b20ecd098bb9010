import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { encodeVerifierKey, type NoteSigner, noteKeyId } from '@lucid/common/formats/note';
import { startError } from '../errors.ts';
import { type CosigningIdentity, openCosigningKeys, splitPem } from './cosigning-key.ts';

/** A log's name to the world and the key that speaks for it. */
export interface LogKey {
  /** `<host>/lucid/<log>`: the first line of its checkpoints, and its key's name. */
  readonly origin: string;
  /** c2sp.org/signed-note vkey. */
  readonly verifierKey: string;
  readonly signer: NoteSigner;
  /** A second key of the log, ML-DSA-44, whose line stands beside the first; for who must outlast quantum computers. */
  readonly second?: CosigningIdentity;
}

/**
 * Opens the log's key from PKCS#8 PEM: an Ed25519 key, and after it, if its operator likes, an ML-DSA-44 one. Throws
 * LEDGER_KEY_INVALID.
 */
export function openLogKey(origin: string, pem: string): LogKey {
  const [first = '', second, ...more] = splitPem(pem);
  const privateKey = parsePrivateKey(first, 'ed25519');
  if (more.length > 0) throw startError('LEDGER_KEY_INVALID', 'The file has more than two keys.');
  if (second !== undefined) parsePrivateKey(second, 'ml-dsa-44');
  const der = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const publicKey = new Uint8Array(der.subarray(der.length - 32));
  const signer: NoteSigner = {
    name: origin,
    keyId: noteKeyId(origin, 0x01, publicKey),
    sign: async (text) => sign(null, Buffer.from(text, 'utf8'), privateKey),
  };
  // No time is said with it: a Pi's clock is nobody's witness.
  const [identity] = second === undefined ? [] : openCosigningKeys(origin, second, () => 0);
  const key = { origin, verifierKey: encodeVerifierKey(origin, publicKey), signer };
  return identity === undefined ? key : { ...key, second: identity };
}

/** Who signs the log's checkpoints, in the order of their lines. */
export function signersOf({ signer, second }: Pick<LogKey, 'signer' | 'second'>): NoteSigner[] {
  return second === undefined ? [signer] : [signer, second.signer];
}

function parsePrivateKey(pem: string, type: 'ed25519' | 'ml-dsa-44'): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === type) return key;
  } catch (cause) {
    throw startError('LEDGER_KEY_INVALID', 'Make one with `lucid setup`.', cause);
  }
  throw startError('LEDGER_KEY_INVALID', 'Make one with `lucid setup`.');
}

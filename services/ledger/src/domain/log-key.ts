import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { encodeVerifierKey, type NoteSigner, noteKeyId } from '@lucid/common/formats/note';
import { startError } from '../errors.ts';

/** A log's name to the world and the key that speaks for it. */
export interface LogKey {
  /** `<host>/lucid/<log>`: the first line of its checkpoints, and its key's name. */
  readonly origin: string;
  /** c2sp.org/signed-note vkey. */
  readonly verifierKey: string;
  readonly signer: NoteSigner;
}

/** Opens the log's key from PKCS#8 PEM. Throws LEDGER_KEY_INVALID. */
export function openLogKey(origin: string, pem: string): LogKey {
  const privateKey = parsePrivateKey(pem);
  const der = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const publicKey = new Uint8Array(der.subarray(der.length - 32));
  const signer: NoteSigner = {
    name: origin,
    keyId: noteKeyId(origin, 0x01, publicKey),
    sign: async (text) => sign(null, Buffer.from(text, 'utf8'), privateKey),
  };
  return { origin, verifierKey: encodeVerifierKey(origin, publicKey), signer };
}

function parsePrivateKey(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch (cause) {
    throw startError('LEDGER_KEY_INVALID', 'Make one with `lucid setup`.', cause);
  }
  throw startError('LEDGER_KEY_INVALID', 'Make one with `lucid setup`.');
}

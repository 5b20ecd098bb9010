import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { AppError } from '@lucid/common/errors';
import { type Bytes, concatBytes, parseHex, toHex, utf8 } from '@lucid/common/formats/bytes';
import { SESSION_SECRET_SIZE } from '@lucid/common/formats/chunk';
import { parseSessionId } from '@lucid/common/formats/ids';
import type { Manifest } from '@lucid/common/formats/manifest';

/** HPKE (RFC 9180), base mode: X25519-HKDF-SHA-256, HKDF-SHA-256, AES-256-GCM. */
const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });

export type Recipient = Manifest['recipients'][number];

/** An X25519 key pair, both halves in hex. */
export interface RecipientKey {
  readonly publicKey: string;
  readonly privateKey: string;
}

/** The box is for this session alone: info = "lucid/secret/v1" ‖ sessionId. */
function infoOf(sessionId: string): Bytes {
  return concatBytes(utf8('lucid/secret/v1'), parseSessionId(sessionId));
}

export async function createRecipientKey(): Promise<RecipientKey> {
  const { publicKey, privateKey } = await suite.kem.generateKeyPair();
  return {
    publicKey: toHex(new Uint8Array(await suite.kem.serializePublicKey(publicKey))),
    privateKey: toHex(new Uint8Array(await suite.kem.serializePrivateKey(privateKey))),
  };
}

/** Boxes the session secret for an X25519 key (hex). */
export async function sealSecret(secret: Uint8Array, sessionId: string, key: string): Promise<Recipient> {
  const recipientPublicKey = await suite.kem.deserializePublicKey(parseHex(key, 32));
  const { ct, enc } = await suite.seal({ recipientPublicKey, info: infoOf(sessionId) }, new Uint8Array(secret));
  return { key, enc: toHex(new Uint8Array(enc)), box: toHex(new Uint8Array(ct)) };
}

/**
 * The session secret, opened with a recipient's key.
 * @throws AppError SESSION_SECRET_NOT_SHARED when the manifest has no box for the key, SESSION_SECRET_NOT_OPENED when
 * the box does not open with it.
 */
export async function openSecret(manifest: Manifest, key: RecipientKey): Promise<Bytes> {
  const recipient = manifest.recipients.find(({ key: publicKey }) => publicKey === key.publicKey);
  if (recipient === undefined) {
    throw new AppError('SESSION_SECRET_NOT_SHARED', 'The session was not shared with this key.', { status: 403 });
  }
  try {
    const recipientKey = await suite.kem.deserializePrivateKey(parseHex(key.privateKey, 32));
    const context = { recipientKey, enc: parseHex(recipient.enc, 32), info: infoOf(manifest.sessionId) };
    const secret = new Uint8Array(await suite.open(context, parseHex(recipient.box, 48)));
    if (secret.length === SESSION_SECRET_SIZE) return secret;
  } catch (cause) {
    throw new AppError('SESSION_SECRET_NOT_OPENED', 'The box does not open with this key.', { status: 403, cause });
  }
  throw new AppError('SESSION_SECRET_NOT_OPENED', 'The box does not hold a session secret.', { status: 403 });
}

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { AppError } from '@lucid/common/errors';

const secretCharactersMin = 32;
const nonceBytes = 12;
const tagBytes = 16;

/** What a sealed key belongs to; it opens nowhere else. */
export type SealContext = readonly [kind: 'onion' | 'probe' | 'check', ...names: string[]];

/**
 * Seals private keys at rest: AES-256-GCM, a fresh nonce each, under a key derived (HKDF-SHA-256) from the secret in
 * TUNNELS_KEY_FILE, bound to whose key it is.
 */
export class KeyVault {
  readonly #key: Buffer;

  /** @throws TUNNELS_KEY_UNFIT for a secret that can be guessed */
  constructor(secret: string) {
    if (secret.length < secretCharactersMin) {
      throw new AppError('TUNNELS_KEY_UNFIT', `TUNNELS_KEY_FILE holds fewer than ${secretCharactersMin} characters`);
    }
    this.#key = Buffer.from(hkdfSync('sha256', secret, 'lucid/tunnel-tools', 'lucid/tunnel-keys/v1', 32));
  }

  /** Base64 of nonce, ciphertext and tag. */
  seal(context: SealContext, plain: Uint8Array): string {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(encodeContext(context));
    return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString('base64');
  }

  /** @throws TUNNELS_KEY_WRONG when it was sealed under another key or for another context, or was changed */
  open(context: SealContext, sealed: string): Uint8Array {
    const bytes = Buffer.from(sealed, 'base64');
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, nonceBytes), {
        authTagLength: tagBytes,
      });
      decipher.setAAD(encodeContext(context)).setAuthTag(bytes.subarray(-tagBytes));
      return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]);
    } catch (cause) {
      const message = 'A key does not open: TUNNELS_KEY_FILE is not the one it was sealed with, or it was changed';
      throw new AppError('TUNNELS_KEY_WRONG', message, { cause });
    }
  }
}

function encodeContext(context: SealContext): Uint8Array {
  return Buffer.from(JSON.stringify(['lucid/tunnel-keys/v1', ...context]), 'utf8');
}

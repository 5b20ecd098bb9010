import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';

const scratch = Buffer.allocUnsafeSlow(32);

/**
 * SHA-256 (FIPS 180-4). The digest crosses from the engine as a one-byte string: asking for a Buffer
 * costs one more allocation outside the heap, and two to three times the time.
 */
export function sha256(data: Uint8Array): Uint8Array<ArrayBuffer> {
  scratch.write(hash('sha256', data, 'binary'), 'latin1');
  return new Uint8Array(scratch);
}

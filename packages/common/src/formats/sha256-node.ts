import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';

const scratch = Buffer.allocUnsafeSlow(32);
/** What `write(…, 'latin1')` ends in; without the questions on the way a digest costs a fifth less. */
type Latin1 = { latin1Write(text: string, offset: number, length: number): number };
const { latin1Write } = Buffer.prototype as Buffer & Latin1;

/**
 * SHA-256 (FIPS 180-4). The digest crosses from the engine as a one-byte string: asking for a Buffer
 * costs one more allocation outside the heap, and two to three times the time.
 */
export function sha256(data: Uint8Array): Uint8Array<ArrayBuffer> {
  scratch.write(hash('sha256', data, 'binary'), 'latin1');
  return new Uint8Array(scratch);
}

/** As `sha256`, into the 32 bytes of `target` at `offset`: nothing is allocated outside the heap. */
export function sha256Into(data: Uint8Array, target: Uint8Array, offset: number): void {
  latin1Write.call(target, hash('sha256', data, 'binary'), offset, 32);
}

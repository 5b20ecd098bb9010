import { HASH_SIZE } from './merkle.ts';
import { sha256Into } from './sha256.ts';

/**
 * The leaf hashes, side by side, of a bundle of exactly `count` entries; undefined for any other bytes. The bundle is
 * used as working memory and is as before when this returns: the low byte of an entry's size, which stands before it,
 * becomes for a moment the zero byte that RFC 6962 puts before a leaf, so that nothing is copied.
 */
export function hashBundle(bundle: Uint8Array, count: number): Uint8Array | undefined {
  const hashes = new Uint8Array(count * HASH_SIZE);
  let offset = 0;
  for (let entry = 0; entry < count; entry += 1) {
    if (offset + 2 > bundle.length) return undefined;
    const low = bundle[offset + 1] as number;
    const end = offset + 2 + (((bundle[offset] as number) << 8) | low);
    if (end > bundle.length) return undefined;
    bundle[offset + 1] = 0;
    sha256Into(bundle.subarray(offset + 1, end), hashes, entry * HASH_SIZE);
    bundle[offset + 1] = low;
    offset = end;
  }
  return offset === bundle.length ? hashes : undefined;
}

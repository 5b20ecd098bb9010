import { leafHash } from '@lucid/common/formats/merkle';
import { hexOf } from './hex.ts';

/** An entry as JSON shows it. */
export function entryView(leafIndex: number, entry: Uint8Array) {
  const bytes = Buffer.from(entry.buffer, entry.byteOffset, entry.length);
  return { leafIndex, leafHash: hexOf(leafHash(entry)), entry: bytes.toString('base64') };
}

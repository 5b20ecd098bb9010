/** The 2048-bit filter of a block's logs (Yellow Paper 4.3.1): three bits for each address and topic. */
import { keccak256 } from '../crypto.ts';
import type { Log } from './receipt.ts';

const BLOOM_BYTES = 256;

function bitsOf(item: Uint8Array): { byte: number; mask: number }[] {
  const hash = keccak256(item);
  return [0, 2, 4].map((at) => {
    const bit = ((hash[at]! << 8) | hash[at + 1]!) & 2047;
    return { byte: BLOOM_BYTES - 1 - (bit >> 3), mask: 1 << (bit & 7) };
  });
}

/** The filter of some logs. */
export function bloomOf(logs: readonly Log[]): Uint8Array {
  const bloom = new Uint8Array(BLOOM_BYTES);
  for (const log of logs) {
    for (const item of [log.address, ...log.topics]) {
      for (const { byte, mask } of bitsOf(item)) bloom[byte]! |= mask;
    }
  }
  return bloom;
}

/** Whether the filter may hold the item: false is certain, true is not. */
export function bloomMayHold(bloom: Uint8Array, item: Uint8Array): boolean {
  return bitsOf(item).every(({ byte, mask }) => (bloom[byte]! & mask) !== 0);
}

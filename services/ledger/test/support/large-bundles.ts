import { utf8 } from '@lucid/common/formats/bytes';
import { encodeEntryBundle } from '@lucid/common/formats/tiles';

/** An entry of 1000 bytes: a log of them soon fills what a database gathers in memory. */
export function largeEntry(index: number): Uint8Array {
  return utf8(`entry ${index}`.padEnd(1000, '.'));
}

/** The bundles of a log of such entries; `count` is a multiple of 256. */
export async function* largeBundles(count: number): AsyncGenerator<{ bytes: Uint8Array; count: number }> {
  for (let first = 0; first < count; first += 256) {
    yield { bytes: encodeEntryBundle(Array.from({ length: 256 }, (_, at) => largeEntry(first + at))), count: 256 };
  }
}

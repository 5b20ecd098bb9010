/** Which blocks may hold logs that a filter asks for: the intersection of what the address and topic indexes say. */
import type { KeyValueReader } from '@lucid/common/storage/kv';
import { type KeySpace, parseUint64be } from '@lucid/common/storage/prefix';
import type { LogCriteria } from '../domain/chain/block.ts';
import * as keys from './keys.ts';

/**
 * The blocks in [from, to], ascending; undefined where no criterion is indexed or more than `keysMax` index entries
 * would have to be read.
 */
export async function listIndexed(
  store: KeyValueReader,
  criteria: LogCriteria,
  from: number,
  to: number,
  keysMax: number,
): Promise<number[] | undefined> {
  const groups: { space: KeySpace; values: readonly Uint8Array[] }[] = [
    { space: keys.logAddresses, values: criteria.addresses },
    ...criteria.topics.map((values) => ({ space: keys.logTopics, values })),
  ].filter(({ values }) => values.length > 0);
  if (groups.length === 0) return undefined;
  let left = keysMax;
  let found: Set<number> | undefined;
  for (const { space, values } of groups) {
    const blocks = new Set<number>();
    for (const value of values) {
      for await (const [key] of store.range({ gte: space.key(value, from), lte: space.key(value, to) })) {
        if (left-- === 0) return undefined;
        blocks.add(parseUint64be(key, key.length - 8));
      }
    }
    const before: Set<number> | undefined = found;
    found = before === undefined ? blocks : new Set([...blocks].filter((block) => before.has(block)));
    if (found.size === 0) return [];
  }
  return [...(found ?? [])].toSorted((a, b) => a - b);
}

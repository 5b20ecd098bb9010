import assert from 'node:assert/strict';
import type { RangeOptions } from './kv.ts';

/** A part of a key: bytes as they are, text as UTF-8, a number as uint64 big-endian so that order is numeric. */
export type KeyPart = Uint8Array | string | number | bigint;

/** A part of a store's keys under one prefix. Prefixes of one store must not begin with one another. */
export interface KeySpace {
  readonly prefix: Uint8Array;
  /** The full key of the parts. Text followed by more parts needs its own separator, such as `'/'`. */
  key(...parts: KeyPart[]): Uint8Array;
  /** The key without the prefix. */
  strip(key: Uint8Array): Uint8Array;
  /** Range options for every key of the space whose rest begins with the parts. */
  range(...parts: KeyPart[]): { gte: Uint8Array; lt: Uint8Array };
}

/** A key space: `const users = keySpace('users/')`, then `users.key(id)` and `store.range(users.range())`. */
export function keySpace(prefix: KeyPart): KeySpace {
  const bytes = concatKey(prefix);
  assert.ok(bytes.length > 0, 'a key space has a prefix');
  return {
    prefix: bytes,
    key: (...parts) => concatKey(bytes, ...parts),
    strip: (key) => {
      assert.ok(startsWith(key, bytes), 'the key is not of this space');
      return key.subarray(bytes.length);
    },
    range: (...parts) => prefixRange(concatKey(bytes, ...parts)),
  };
}

/** The parts one after another. */
export function concatKey(...parts: KeyPart[]): Uint8Array {
  return Buffer.concat(parts.map(encodePart));
}

function encodePart(part: KeyPart): Uint8Array {
  if (typeof part === 'string') return Buffer.from(part, 'utf8');
  if (typeof part === 'number' || typeof part === 'bigint') return uint64be(part);
  return part;
}

/** The least range that holds every key beginning with `prefix`. */
export function prefixRange(prefix: Uint8Array): { gte: Uint8Array; lt: Uint8Array } {
  const end = Uint8Array.from(prefix);
  let last = end.length - 1;
  while (last >= 0 && end[last] === 0xff) last -= 1;
  assert.ok(last >= 0, 'a prefix of 0xff bytes only has no end');
  end[last] = (end[last] ?? 0) + 1;
  return { gte: prefix, lt: end.subarray(0, last + 1) };
}

/** A whole number as 8 bytes, big-endian: keys in numeric order. */
export function uint64be(value: number | bigint): Uint8Array {
  return writeUint64be(Buffer.allocUnsafe(8), value, 0);
}

/** As `uint64be`, into bytes that are there. */
export function writeUint64be<B extends Buffer>(bytes: B, value: number | bigint, offset: number): B {
  if (typeof value === 'bigint') bytes.writeBigUInt64BE(value, offset);
  else {
    assert.ok(Number.isSafeInteger(value) && value >= 0, 'a uint64 is a whole number');
    // In halves: a bigint on the way costs several times as much.
    bytes.writeUInt32BE(Math.floor(value / 2 ** 32), offset);
    bytes.writeUInt32BE(value % 2 ** 32, offset + 4);
  }
  return bytes;
}

/** The number in the first 8 bytes; asserts that it is a safe integer. */
export function parseUint64be(bytes: Uint8Array, offset = 0): number {
  const value = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).readBigUInt64BE(offset);
  assert.ok(value <= BigInt(Number.MAX_SAFE_INTEGER), 'a stored number is a safe integer');
  return Number(value);
}

export function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return bytes.length >= prefix.length && prefix.every((byte, index) => bytes[index] === byte);
}

/** Narrows a range to what follows `after` (descending: what precedes it): a page that goes on after its cursor. */
export function pageRange(
  range: { gte: Uint8Array; lt: Uint8Array },
  page: { after?: Uint8Array | undefined; reverse?: boolean; limit: number },
): RangeOptions {
  const { after, reverse = false, limit } = page;
  if (!after) return { ...range, reverse, limit };
  return reverse ? { gte: range.gte, lt: after, reverse, limit } : { gt: after, lt: range.lt, reverse, limit };
}

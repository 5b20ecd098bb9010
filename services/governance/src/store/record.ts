import { decodeJson, encodeJson } from '@lucid/common/storage/json';

/** A record with big numbers as JSON; they are wrapped, so that no text can be taken for one. */
export function encodeRecord(value: unknown): Uint8Array {
  return encodeJson(wrap(value));
}

/** Reads what `encodeRecord` wrote. */
export function decodeRecord(bytes: Uint8Array): unknown {
  return unwrap(decodeJson(bytes));
}

function wrap(value: unknown): unknown {
  if (typeof value === 'bigint') return { $bigint: value.toString() };
  if (Array.isArray(value)) return value.map(wrap);
  return isObject(value) ? mapValues(value, wrap) : value;
}

function unwrap(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unwrap);
  if (!isObject(value)) return value;
  return typeof value.$bigint === 'string' ? BigInt(value.$bigint) : mapValues(value, unwrap);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function mapValues(value: Record<string, unknown>, map: (value: unknown) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, map(member)]));
}

import { equalBytes, parseUtf8, utf8 } from './bytes.ts';
import { parseJsonText } from './json-text.ts';
import { malformed } from './malformed.ts';

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [member: string]: JsonValue;
}

export interface ParseJsonOptions {
  /** Accept only the one spelling of RFC 8785. */
  readonly canonical?: boolean;
  /** Bytes; 1 MiB unless given. */
  readonly sizeMax?: number;
  /** Nested arrays and objects; 64 unless given. */
  readonly depthMax?: number;
}

const SIZE_MAX = 1 << 20;
const DEPTH_MAX = 64;

function unencodable(detail: string): Error {
  return malformed('CANONICAL_JSON_VALUE', detail);
}

/** The canonical bytes of a value (RFC 8785); see `canonicalJsonText`. */
export function encodeCanonicalJson(value: unknown): Uint8Array<ArrayBuffer> {
  return utf8(canonicalJsonText(value));
}

/**
 * The canonical text of a value (RFC 8785): members sorted by UTF-16 units, no white space, numbers as
 * ECMAScript writes them. `CANONICAL_JSON_VALUE` for what JSON has no word for: undefined, NaN, infinities,
 * big integers, functions, lone surrogates, objects with a prototype of their own.
 */
export function canonicalJsonText(value: unknown): string {
  return encodeValue(value, 0);
}

function encodeValue(value: unknown, depth: number): string {
  if (depth > DEPTH_MAX) throw unencodable('nested too deeply');
  if (typeof value === 'string') return encodeString(value);
  if (typeof value === 'object') return encodeObject(value, depth);
  if (typeof value === 'boolean' || Number.isFinite(value)) return JSON.stringify(value);
  throw unencodable(`JSON has no word for this ${typeof value}`);
}

function encodeString(text: string): string {
  if (!text.isWellFormed()) throw unencodable('a string has a lone surrogate');
  return JSON.stringify(text);
}

function encodeObject(value: object | null, depth: number): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `[${value.map((item: unknown) => encodeValue(item, depth + 1)).join(',')}]`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw unencodable('an object is not a plain one');
  const members = Object.entries(value)
    // The order of UTF-16 code units is the order `<` gives.
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([member, item]) => `${encodeString(member)}:${encodeValue(item, depth + 1)}`);
  return `{${members.join(',')}}`;
}

/**
 * Parses JSON from outside (RFC 8259, and RFC 7493's rule against duplicate members). Errors:
 * `JSON_MALFORMED`, `JSON_TOO_LARGE`, `JSON_TOO_DEEP`, and `JSON_NOT_CANONICAL` where that is asked for.
 */
export function parseJson(bytes: Uint8Array, options: ParseJsonOptions = {}): JsonValue {
  const { canonical = false, sizeMax = SIZE_MAX, depthMax = DEPTH_MAX } = options;
  if (bytes.length > sizeMax) throw malformed('JSON_TOO_LARGE', `more than ${sizeMax} bytes of JSON`);
  const value = parseJsonText(parseUtf8(bytes), depthMax);
  if (canonical && !equalBytes(encodeCanonicalJson(value), bytes)) {
    throw malformed('JSON_NOT_CANONICAL', 'the JSON is not in the one spelling of RFC 8785');
  }
  return value;
}

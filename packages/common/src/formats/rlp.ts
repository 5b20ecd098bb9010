import { malformed } from './malformed.ts';

/** Recursive length prefix (Ethereum yellow paper, appendix B): bytes, or a list of items. */
export type RlpItem = Uint8Array | readonly RlpItem[];

const DEPTH_MAX = 16;

interface Span {
  readonly isList: boolean;
  /** Where the payload starts and ends. */
  readonly start: number;
  readonly end: number;
}

function invalid(detail: string): Error {
  return malformed('RLP_MALFORMED', detail);
}

/** The item whose one encoding these bytes are; `RLP_MALFORMED` for any other spelling or anything behind it. */
export function decodeRlp(bytes: Uint8Array): RlpItem {
  const span = readSpan(bytes, 0, bytes.length);
  if (span.end !== bytes.length) throw invalid('something follows the item');
  return decodeSpan(bytes, span, 0);
}

function decodeSpan(bytes: Uint8Array, span: Span, depth: number): RlpItem {
  if (!span.isList) return bytes.slice(span.start, span.end);
  if (depth === DEPTH_MAX) throw invalid('nested too deeply');
  const items: RlpItem[] = [];
  for (let offset = span.start; offset < span.end; ) {
    const item = readSpan(bytes, offset, span.end);
    items.push(decodeSpan(bytes, item, depth + 1));
    offset = item.end;
  }
  return items;
}

function readSpan(bytes: Uint8Array, offset: number, limit: number): Span {
  const head = bytes[offset];
  if (head === undefined || offset >= limit) throw invalid('an item is missing');
  if (head < 0x80) return { isList: false, start: offset, end: offset + 1 };
  const isList = head >= 0xc0;
  const short = head - (isList ? 0xc0 : 0x80);
  const sizeBytes = Math.max(0, short - 55);
  const start = offset + 1 + sizeBytes;
  const size = sizeBytes === 0 ? short : readSize(bytes.subarray(offset + 1, start), sizeBytes);
  const end = start + size;
  if (end > limit) throw invalid('an item is cut short');
  if (!isList && size === 1 && (bytes[start] ?? 0) < 0x80) throw invalid('a small byte has a needless prefix');
  return { isList, start, end };
}

function readSize(digits: Uint8Array, sizeBytes: number): number {
  if (digits.length !== sizeBytes || sizeBytes > 4 || digits[0] === 0) throw invalid('a length is malformed');
  const size = digits.reduce((value, digit) => value * 256 + digit, 0);
  if (size < 56) throw invalid('a length is longer than it need be');
  return size;
}

/** A list of the given length, else `RLP_MALFORMED`. */
export function requireList(item: RlpItem | undefined, countMin: number, countMax: number): readonly RlpItem[] {
  if (item === undefined || item instanceof Uint8Array || item.length < countMin || item.length > countMax) {
    throw invalid(`not a list of ${countMin} to ${countMax} items`);
  }
  return item;
}

/** Bytes, of exactly `size` when given, else `RLP_MALFORMED`. */
export function requireBytes(item: RlpItem | undefined, size?: number): Uint8Array {
  if (!(item instanceof Uint8Array) || (size !== undefined && item.length !== size)) {
    throw invalid(`not ${size ?? 'any'} bytes`);
  }
  return item;
}

/** An unsigned integer without leading zeros, up to 2^53 - 1, else `RLP_MALFORMED`. */
export function requireInteger(item: RlpItem | undefined): number {
  const digits = requireBytes(item);
  const value = digits.reduce((sum, digit) => sum * 256 + digit, 0);
  if (digits[0] === 0 || !Number.isSafeInteger(value)) throw invalid('not an integer up to 2^53 - 1');
  return value;
}

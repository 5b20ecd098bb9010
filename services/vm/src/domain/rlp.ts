/**
 * RLP (Yellow Paper, appendix B), written for the trie's hot path: one pass to measure, one to write, and decoding
 * that shares the input's memory. Decoding is strict: what is not the one canonical encoding is refused.
 */

/** A decoded item: a byte string or a list of items. */
export type RlpItem = Uint8Array | RlpItem[];
/** What can be encoded. */
export type RlpInput = Uint8Array | readonly RlpInput[];

function bytesOfLength(length: number): number {
  return length < 0x100 ? 1 : length < 0x10000 ? 2 : length < 0x1000000 ? 3 : 4;
}

function headerSize(length: number): number {
  return length < 56 ? 1 : 1 + bytesOfLength(length);
}

function payloadSize(items: readonly RlpInput[]): number {
  let size = 0;
  for (const item of items) size += encodedSize(item);
  return size;
}

function encodedSize(item: RlpInput): number {
  if (item instanceof Uint8Array) {
    return item.length === 1 && item[0]! < 0x80 ? 1 : headerSize(item.length) + item.length;
  }
  const size = payloadSize(item);
  return headerSize(size) + size;
}

function writeHeader(out: Uint8Array, start: number, length: number, base: number): number {
  let at = start;
  if (length < 56) {
    out[at++] = base + length;
    return at;
  }
  const count = bytesOfLength(length);
  out[at++] = base + 55 + count;
  for (let i = count - 1; i >= 0; i--) out[at++] = (length >>> (8 * i)) & 0xff;
  return at;
}

function write(item: RlpInput, out: Uint8Array, start: number): number {
  if (item instanceof Uint8Array) {
    if (item.length === 1 && item[0]! < 0x80) {
      out[start] = item[0]!;
      return start + 1;
    }
    const at = writeHeader(out, start, item.length, 0x80);
    out.set(item, at);
    return at + item.length;
  }
  let at = writeHeader(out, start, payloadSize(item), 0xc0);
  for (const part of item) at = write(part, out, at);
  return at;
}

/** Encodes a byte string or nested list. */
export function encodeRlp(item: RlpInput): Uint8Array {
  const out = new Uint8Array(encodedSize(item));
  write(item, out, 0);
  return out;
}

/** Thrown where bytes are not one canonical RLP item. */
export class RlpError extends Error {
  override readonly name = 'RlpError';
}

function readLength(bytes: Uint8Array, at: number, count: number): number {
  if (count > 4 || at + count > bytes.length || bytes[at] === 0) throw new RlpError('bad length');
  let length = 0;
  for (let i = 0; i < count; i++) length = length * 256 + bytes[at + i]!;
  if (length < 56) throw new RlpError('length not minimal');
  return length;
}

function readBytes(bytes: Uint8Array, at: number): [Uint8Array, number] {
  const tag = bytes[at]!;
  const long = tag > 0xb7 ? tag - 0xb7 : 0;
  const length = long > 0 ? readLength(bytes, at + 1, long) : tag - 0x80;
  const start = at + 1 + long;
  if (start + length > bytes.length) throw new RlpError('runs past the end');
  if (length === 1 && bytes[start]! < 0x80) throw new RlpError('single byte not minimal');
  return [bytes.subarray(start, start + length), start + length];
}

function readList(bytes: Uint8Array, at: number, depth: number): [RlpItem[], number] {
  const tag = bytes[at]!;
  const long = tag > 0xf7 ? tag - 0xf7 : 0;
  const length = long > 0 ? readLength(bytes, at + 1, long) : tag - 0xc0;
  let position = at + 1 + long;
  const end = position + length;
  if (end > bytes.length) throw new RlpError('runs past the end');
  const items: RlpItem[] = [];
  while (position < end) {
    const [item, next] = read(bytes, position, depth + 1);
    items.push(item);
    position = next;
  }
  if (position !== end) throw new RlpError('list overrun');
  return [items, end];
}

function read(bytes: Uint8Array, at: number, depth: number): [RlpItem, number] {
  if (depth > 16) throw new RlpError('nested too deeply');
  const tag = bytes[at];
  if (tag === undefined) throw new RlpError('empty input');
  if (tag < 0x80) return [bytes.subarray(at, at + 1), at + 1];
  return tag < 0xc0 ? readBytes(bytes, at) : readList(bytes, at, depth);
}

/**
 * Decodes exactly one item; byte strings are views of the input.
 * @throws RlpError on anything but one canonical item.
 */
export function decodeRlp(bytes: Uint8Array): RlpItem {
  const [item, end] = read(bytes, 0, 0);
  if (end !== bytes.length) throw new RlpError('trailing bytes');
  return item;
}

/** The item as a list. @throws RlpError */
export function rlpList(item: RlpItem | undefined): RlpItem[] {
  if (!Array.isArray(item)) throw new RlpError('expected a list');
  return item;
}

/** The item as a byte string. @throws RlpError */
export function rlpBytes(item: RlpItem | undefined): Uint8Array {
  if (!(item instanceof Uint8Array)) throw new RlpError('expected bytes');
  return item;
}

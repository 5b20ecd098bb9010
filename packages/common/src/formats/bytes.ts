import { malformed } from './malformed.ts';

/** Bytes on an ordinary ArrayBuffer: what WebCrypto accepts. */
export type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const HEX = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, '0'));
const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const BASE64_VALUES = new Map(Array.from(BASE64, (character, value) => [character.charCodeAt(0), value]));

export function utf8(text: string): Bytes {
  return encoder.encode(text);
}

/** UTF-8 to text; a malformed sequence is `BYTES_UTF8_INVALID`, never a replacement character. */
export function parseUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw malformed('BYTES_UTF8_INVALID', 'the bytes are not valid UTF-8');
  }
}

/** One character per byte, of that value. */
export function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The bytes of a text that `latin1` gave. */
export function parseLatin1(text: string): Bytes {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Lower-case hex without prefix. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte];
  return text;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 97 && code <= 102) return code - 87;
  return -1;
}

/** Lower-case hex of an even length, and of exactly `size` bytes when given; else `BYTES_HEX_INVALID`. */
export function parseHex(text: string, size?: number): Bytes {
  const bytes = new Uint8Array(text.length >>> 1);
  let valid = text.length % 2 === 0 && (size === undefined || bytes.length === size);
  for (let index = 0; valid && index < bytes.length; index++) {
    const high = hexDigit(text.charCodeAt(2 * index));
    const low = hexDigit(text.charCodeAt(2 * index + 1));
    valid = high >= 0 && low >= 0;
    bytes[index] = (high << 4) | low;
  }
  if (!valid)
    throw malformed('BYTES_HEX_INVALID', `not lower-case hex${size === undefined ? '' : ` of ${size} bytes`}`);
  return bytes;
}

/** `parseHex` of what Ethereum writes with 0x in front. */
export function parseHex0x(text: string, size?: number): Bytes {
  if (!text.startsWith('0x')) throw malformed('BYTES_HEX_INVALID', 'the 0x prefix is missing');
  return parseHex(text.slice(2), size);
}

export function toHex0x(bytes: Uint8Array): string {
  return `0x${toHex(bytes)}`;
}

/** Base 64 of RFC 4648 section 4, padded. */
export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let index = 0; index < bytes.length; index += 3) {
    const left = bytes.length - index;
    const group = (at(bytes, index) << 16) | (at(bytes, index + 1) << 8) | at(bytes, index + 2);
    text += BASE64[group >>> 18];
    text += BASE64[(group >>> 12) & 63];
    text += left > 1 ? BASE64[(group >>> 6) & 63] : '=';
    text += left > 2 ? BASE64[group & 63] : '=';
  }
  return text;
}

function at(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}

/**
 * The one base 64 spelling of some bytes: padded, no white space, unused bits zero, and of exactly
 * `size` bytes when given; else `BYTES_BASE64_INVALID`.
 */
export function parseBase64(text: string, size?: number): Bytes {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array(Math.max(0, Math.floor(text.length / 4) * 3 - padding));
  if (text.length % 4 !== 0 || (size !== undefined && bytes.length !== size)) throw base64Error(size);
  let group = 0;
  let written = 0;
  for (let index = 0; index < text.length; index++) {
    const padded = index >= text.length - padding;
    const value = padded ? 0 : BASE64_VALUES.get(text.charCodeAt(index));
    if (value === undefined) throw base64Error(size);
    group = ((group << 6) | value) & 0xffffff;
    if (index % 4 !== 3) continue;
    for (let shift = 16; shift >= 0; shift -= 8) {
      if (written < bytes.length) bytes[written++] = (group >>> shift) & 255;
      else if (((group >>> shift) & 255) !== 0) throw base64Error(size);
    }
  }
  return bytes;
}

function base64Error(size: number | undefined): Error {
  return malformed('BYTES_BASE64_INVALID', `not canonical base 64${size === undefined ? '' : ` of ${size} bytes`}`);
}

export function concatBytes(...parts: readonly Uint8Array[]): Bytes {
  let size = 0;
  for (const part of parts) size += part.length;
  const joined = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** True when equal; the time taken depends on the lengths alone. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let index = 0; index < left.length; index++) difference |= at(left, index) ^ at(right, index);
  return difference === 0;
}

/** Eight bytes, big-endian, of an integer from 0 to 2^53 - 1. */
export function uint64be(value: number): Bytes {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw malformed('BYTES_INTEGER_INVALID', 'not an integer from 0 to 2^53 - 1');
  }
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/** Reads eight big-endian bytes; `BYTES_INTEGER_INVALID` past 2^53 - 1 or past the end. */
export function readUint64be(bytes: Uint8Array, offset: number): number {
  if (offset + 8 > bytes.length) throw malformed('BYTES_INTEGER_INVALID', 'eight bytes are missing');
  const value = new DataView(bytes.buffer, bytes.byteOffset + offset, 8).getBigUint64(0);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed('BYTES_INTEGER_INVALID', 'an integer exceeds 2^53 - 1');
  return Number(value);
}

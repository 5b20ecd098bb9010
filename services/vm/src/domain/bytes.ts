/** Byte-string helpers used all over the chain. Pure; hex is lower case and carries 0x where it leaves the service. */

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Lower-case hex without a prefix: the form used as a map key. */
export function keyOf(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) out += HEX[byte];
  return out;
}

/** Lower-case hex with 0x: Ethereum's "unformatted data". */
export function toHex(bytes: Uint8Array): `0x${string}` {
  return `0x${keyOf(bytes)}`;
}

/** Ethereum's "quantity": 0x and hex without leading zeros. */
export function toQuantity(value: bigint | number): `0x${string}` {
  return `0x${value.toString(16)}`;
}

/** Decodes hex with or without 0x. The caller has checked the alphabet. */
export function fromHex(hex: string): Uint8Array {
  const digits = hex.startsWith('0x') ? hex.slice(2) : hex;
  return Uint8Array.from(Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex'));
}

/** Whether two byte strings are the same. Not constant time: nothing here is secret. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Joins byte strings into a new one. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Big-endian bytes without leading zeros (RLP's integer); zero is the empty string. */
export function bigToBytes(value: bigint): Uint8Array {
  if (value === 0n) return new Uint8Array(0);
  return fromHex(value.toString(16));
}

/** Big-endian bytes to an integer; the empty string is zero. */
export function bytesToBig(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${keyOf(bytes)}`);
}

/** Left-pads with zeros to a size; longer input is returned as it is. */
export function padLeft(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.length >= size) return bytes;
  const out = new Uint8Array(size);
  out.set(bytes, size - bytes.length);
  return out;
}

/** Drops leading zero bytes. */
export function trimLeft(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length && bytes[start] === 0) start++;
  return start === 0 ? bytes : bytes.subarray(start);
}

/** Eight big-endian bytes of a block number: keys sort in chain order. */
export function uint64be(value: bigint | number): Uint8Array {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(value));
  return out;
}

/** Nobody: the block producer of a chain where nobody is paid. */
export const ZERO_ADDRESS = new Uint8Array(20);

/** Parsers of JSON-RPC parameters: hostile input becomes domain values or error -32602. */
import { fromHex } from '../bytes.ts';
import { invalidParams } from './rpc-error.ts';

const QUANTITY = /^0x(0|[1-9a-fA-F][0-9a-fA-F]*)$/;
const DATA = /^0x([0-9a-fA-F]{2})*$/;

function describe(value: unknown): string {
  return typeof value === 'string' ? `"${value.slice(0, 80)}"` : typeof value;
}

/** A quantity of at most 256 bits. */
export function parseQuantity(value: unknown, name: string): bigint {
  if (typeof value !== 'string' || !QUANTITY.test(value) || value.length > 66) {
    throw invalidParams(`invalid argument ${name}: ${describe(value)} is not a hex quantity`);
  }
  return BigInt(value);
}

/** A quantity that fits a JavaScript integer. */
export function parseInteger(value: unknown, name: string): number {
  const quantity = parseQuantity(value, name);
  if (quantity > BigInt(Number.MAX_SAFE_INTEGER)) throw invalidParams(`invalid argument ${name}: too large`);
  return Number(quantity);
}

/** A byte string. */
export function parseData(value: unknown, name: string, bytesMax = 8 * 1024 * 1024): Uint8Array {
  if (typeof value !== 'string' || !DATA.test(value)) {
    throw invalidParams(`invalid argument ${name}: ${describe(value)} is not hex data`);
  }
  if (value.length > bytesMax * 2 + 2) throw invalidParams(`invalid argument ${name}: more than ${bytesMax} bytes`);
  return fromHex(value);
}

/** A byte string of a fixed size. */
export function parseFixed(value: unknown, name: string, size: number): Uint8Array {
  const bytes = parseData(value, name, size);
  if (bytes.length !== size) throw invalidParams(`invalid argument ${name}: expected ${size} bytes`);
  return bytes;
}

/** An address; checksums are the client's affair. */
export function parseAddress(value: unknown, name: string): Uint8Array {
  return parseFixed(value, name, 20);
}

/** A storage slot: 32 bytes, or a quantity as older clients send. */
export function parseSlot(value: unknown, name: string): Uint8Array {
  if (typeof value !== 'string' || !/^0x[0-9a-fA-F]{1,64}$/.test(value)) {
    throw invalidParams(`invalid argument ${name}: ${describe(value)} is not a storage slot`);
  }
  return fromHex(value.slice(2).padStart(64, '0'));
}

/** A boolean. */
export function parseBoolean(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') throw invalidParams(`invalid argument ${name}: expected a boolean`);
  return value;
}

/** A list of at most `max` items. */
export function parseList(value: unknown, name: string, max: number): readonly unknown[] {
  if (!Array.isArray(value)) throw invalidParams(`invalid argument ${name}: expected an array`);
  if (value.length > max) throw invalidParams(`invalid argument ${name}: more than ${max} items`);
  return value;
}

/** A JSON object. */
export function parseObject(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidParams(`invalid argument ${name}: expected an object`);
  }
  return value as Readonly<Record<string, unknown>>;
}

/** An optional member: absent and null mean the same. */
export function optional<T>(value: unknown, parse: (value: unknown) => T): T | undefined {
  return value === undefined || value === null ? undefined : parse(value);
}

/** Which block a caller means. */
export type BlockRef =
  | { readonly kind: 'head' }
  | { readonly kind: 'pending' }
  | { readonly kind: 'number'; readonly number: number }
  | { readonly kind: 'hash'; readonly hash: Uint8Array };

const HEAD_TAGS = new Set(['latest', 'safe', 'finalized']);

/** A tag, a number, a hash, or EIP-1898's object. One sequencer: `safe` and `finalized` are the durable head. */
export function parseBlockRef(value: unknown, fallback: BlockRef = { kind: 'head' }): BlockRef {
  if (value === undefined || value === null) return fallback;
  if (typeof value === 'object') {
    const { blockNumber, blockHash } = parseObject(value, 'block');
    if (blockHash !== undefined) return { kind: 'hash', hash: parseFixed(blockHash, 'blockHash', 32) };
    return parseBlockRef(blockNumber ?? 'missing');
  }
  if (typeof value === 'string') {
    if (HEAD_TAGS.has(value)) return { kind: 'head' };
    if (value === 'pending') return { kind: 'pending' };
    if (value === 'earliest') return { kind: 'number', number: 0 };
    if (value.length === 66) return { kind: 'hash', hash: parseFixed(value, 'block', 32) };
  }
  return { kind: 'number', number: parseInteger(value, 'block') };
}

import { AppError } from '../errors.ts';

/** A value as JSON in UTF-8, for records whose bytes nobody signs. What is signed uses the canonical form instead. */
export function encodeJson(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

/**
 * Reads what `encodeJson` wrote. Without `parse` the type is the writer's word: records are read only by the store that
 * wrote them. Throws STORE_CORRUPT.
 */
export function decodeJson<T>(bytes: Uint8Array, parse?: (value: unknown) => T): T {
  const value = parseJson(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  return parse ? parse(value) : (value as T);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AppError('STORE_CORRUPT', 'A stored record is not the JSON that was written', { cause: error });
  }
}

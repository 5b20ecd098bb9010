import { AppError } from '../errors.ts';

/** A value as JSON in UTF-8, for records whose bytes nobody signs. What is signed uses the canonical form instead. */
export function encodeJson(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

/** Reads what `encodeJson` wrote. The type is the writer's word: records are read only by the store that wrote them. */
export function decodeJson<T>(bytes: Uint8Array): T {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')) as T;
  } catch (error) {
    throw new AppError('STORE_CORRUPT', 'A stored record is not the JSON that was written', { cause: error });
  }
}

import { sessionError } from '../errors.ts';
import type { BlobRange } from './blob-store.ts';

const rangePattern = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/;

/**
 * The one byte range a request asks for (RFC 9110 §14). Undefined means the whole: no range, several of them, another
 * unit, or one that If-Range ties to another content.
 * @throws SESSION_RANGE_UNSATISFIABLE
 */
export function readRange(
  { range, 'if-range': ifRange }: { readonly range?: string; readonly 'if-range'?: string },
  etag: string,
  size: number,
): BlobRange | undefined {
  if (range === undefined || (ifRange !== undefined && ifRange !== etag)) return undefined;
  const [, first, last] = rangePattern.exec(range) ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  if (first === '') return requireRange(Math.max(0, size - Number(last)), size - 1, size);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < Number(first)) return undefined;
  return requireRange(Number(first), end, size);
}

function requireRange(start: number, end: number, size: number): BlobRange {
  if (start < size) return { start, end };
  throw sessionError('SESSION_RANGE_UNSATISFIABLE', `The chunk has ${size} bytes.`, { data: { cipherSize: size } });
}

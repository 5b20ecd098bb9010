import { gatewayError } from '../errors.ts';

/** Path and query (with its `?`) of a request target, byte for byte as they came. */
export interface RequestTarget {
  readonly path: string;
  readonly query: string;
}

/** RFC 3986 `pchar` without `;` and without `%`, which are judged apart, and `/`. */
const pathCharacters = /^[A-Za-z0-9\-._~!$&'()*+,=:@/%]*$/;
/** Visible ASCII without `#` and `\`. */
const queryCharacters = /^[!-"$-[\]-~]*$/;
const malformedEscape = /%(?![0-9A-Fa-f]{2})/;
/** Escapes that another reader may undo before it routes: unreserved characters, separators, controls, `%` itself. */
const ambiguousEscape = /%(?:2[def5]|3[0-9b]|[46][1-9a-f]|[57][0-9a]|5[cf]|7e|[01][0-9a-f]|7f)/i;
const dotSegment = /(?:^|\/)\.{1,2}(?:\/|$)/;
const targetLengthMax = 8192;

/**
 * Splits a request target, refusing every form that two readers could take for different paths (gateway table: dot
 * segments, encoded separators or unreserved characters, doubled slashes, backslashes, NUL, double encoding, absolute
 * form, fragments). So the path that is matched is the path that is sent.
 * @throws GATEWAY_REQUEST_AMBIGUOUS
 */
export function parseTarget(url: string): RequestTarget {
  const mark = url.indexOf('?');
  const path = mark === -1 ? url : url.slice(0, mark);
  const query = mark === -1 ? '' : url.slice(mark);
  const fault = faultOf(path, query);
  if (fault) throw gatewayError('GATEWAY_REQUEST_AMBIGUOUS', `The request target ${fault}.`);
  return { path, query };
}

function faultOf(path: string, query: string): string | undefined {
  if (path.length + query.length > targetLengthMax) return `is longer than ${targetLengthMax} bytes`;
  if (!path.startsWith('/')) return 'is not a path';
  if (!pathCharacters.test(path)) return 'has a character in its path that no path here has';
  if (!queryCharacters.test(query)) return 'has a character in its query that must be percent-encoded';
  if (path.includes('//')) return 'has an empty path segment';
  if (dotSegment.test(path)) return 'has a dot segment';
  if (malformedEscape.test(path) || malformedEscape.test(query)) return 'has a malformed percent-escape';
  if (ambiguousEscape.test(path)) return 'has a percent-escape that readers undo differently';
  if (/%00/.test(query)) return 'has a NUL in its query';
  if (!isUtf8(path)) return 'has percent-escapes that are not UTF-8';
  return undefined;
}

function isUtf8(path: string): boolean {
  if (!path.includes('%')) return true;
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

import type { LaneRoute } from './route.ts';

/** A request's head, parsed. */
export interface RequestHead {
  readonly route: LaneRoute;
  /** Bytes of the head, its empty line included. */
  readonly size: number;
  readonly bodySize: number;
  readonly contentType: string;
  readonly authorization: string | undefined;
  readonly requestId: string | undefined;
  readonly traceparent: string | undefined;
  /** Those the route reads. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The registered shapes by `METHOD target`. */
export type LaneRoutes = ReadonlyMap<string, LaneRoute>;

/** Headers that change nothing about how a request is read or answered here. */
const harmless: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'date',
  'forwarded',
  'pragma',
  'priority',
  'sec-fetch-mode',
  'tracestate',
  'user-agent',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
]);
const known: ReadonlySet<string> = new Set([
  'authorization',
  'connection',
  'content-length',
  'content-type',
  'host',
  'traceparent',
  'x-request-id',
]);
const headEnd = Buffer.from('\r\n\r\n');
const lineEnd = '\r\n';
const version = ' HTTP/1.1';
const namePattern = /^[a-z0-9-]+$/;
const textPattern = /^[\x20-\x7e]+$/;
const lengthPattern = /^(?:0|[1-9][0-9]{0,8})$/;

/** A head longer than this is for the ordinary server. */
export const headBytesMax = 4096;

/**
 * Reads the head that begins at `start`: HTTP/1.1 (RFC 9112) as every client writes it, of a registered shape, with
 * nothing in it that has a say in how it is framed but Content-Length. Undefined for all else, which says nothing
 * about whether it is valid: that is the ordinary server's to tell.
 */
export function readHead(bytes: Buffer, start: number, routes: LaneRoutes): RequestHead | undefined {
  const end = bytes.indexOf(headEnd, start);
  if (end === -1 || end - start > headBytesMax) return undefined;
  const text = bytes.toString('latin1', start, end + 2);
  const firstEnd = text.indexOf(lineEnd);
  if (!text.startsWith(version, firstEnd - version.length)) return undefined;
  const route = routes.get(text.slice(0, firstEnd - version.length));
  const found = route && readFields(text, firstEnd + 2, route);
  return found && toHead(route, end + 4 - start, found);
}

/** Every field that matters, by lower-case name; undefined where one is malformed, comes twice, or is not known. */
function readFields(text: string, start: number, route: LaneRoute): Map<string, string> | undefined {
  const found = new Map<string, string>();
  let at = start;
  while (at < text.length) {
    const end = text.indexOf(lineEnd, at);
    const colon = text.indexOf(':', at);
    if (colon === -1 || colon > end) return undefined;
    const name = text.slice(at, colon).toLowerCase();
    const value = text.slice(colon + 1, end).trim();
    if (!namePattern.test(name) || !textPattern.test(text.slice(colon + 1, end)) || value === '') return undefined;
    if (known.has(name) || route.headers.includes(name)) {
      if (found.has(name)) return undefined;
      found.set(name, value);
    } else if (!harmless.has(name)) return undefined;
    at = end + 2;
  }
  return found;
}

function toHead(route: LaneRoute, size: number, found: ReadonlyMap<string, string>): RequestHead | undefined {
  if (!found.has('host')) return undefined;
  const connection = found.get('connection');
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return undefined;
  const length = found.get('content-length');
  const contentType = found.get('content-type');
  if (route.method === 'GET') {
    if (length !== undefined || contentType !== undefined) return undefined;
  } else if (length === undefined || !lengthPattern.test(length) || Number(length) > route.bodyBytesMax) {
    return undefined;
  } else if (contentType === undefined || !route.contentTypes.includes(contentType)) return undefined;
  return {
    route,
    size,
    bodySize: Number(length ?? 0),
    contentType: contentType ?? '',
    authorization: found.get('authorization'),
    requestId: found.get('x-request-id'),
    traceparent: found.get('traceparent'),
    headers: Object.fromEntries(
      route.headers.flatMap((name) => (found.has(name) ? [[name, found.get(name) as string]] : [])),
    ),
  };
}

/**
 * Reads heads of one connection. A client that keeps a connection sends the same head again and again, to the byte,
 * and a comparison costs a twentieth of reading it.
 */
export class HeadReader {
  readonly #routes: LaneRoutes;
  #last: { readonly bytes: Buffer; readonly head: RequestHead } | undefined;

  constructor(routes: LaneRoutes) {
    this.#routes = routes;
  }

  read(bytes: Buffer, start: number): RequestHead | undefined {
    const last = this.#last;
    if (last && bytes.length - start >= last.bytes.length) {
      if (bytes.compare(last.bytes, 0, last.bytes.length, start, start + last.bytes.length) === 0) return last.head;
    }
    const head = readHead(bytes, start, this.#routes);
    if (head) this.#last = { bytes: Buffer.from(bytes.subarray(start, start + head.size)), head };
    return head;
  }
}

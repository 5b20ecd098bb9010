import { gatewayError } from '../errors.ts';

/** A header as it goes over the wire. Names keep their case; they are compared in lower case. */
export type Header = readonly [name: string, value: string];

/** RFC 9110 §7.6.1: meant for one connection, never for the next. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** What a client says about where it comes from, or which method or path it means; only the gateway may. */
const claimed = new Set([
  'forwarded',
  'x-real-ip',
  'x-client-ip',
  'client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'x-cluster-client-ip',
  'x-original-url',
  'x-original-host',
  'x-original-method',
  'x-rewrite-url',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-user',
  'x-user-id',
  'x-roles',
  'via',
]);

/** Set anew for the next hop. */
const ownRequest = new Set(['host', 'content-length', 'expect', 'x-request-id', 'traceparent']);
/** The gateway's own on every answer. */
const ownResponse = new Set(['x-request-id', 'ratelimit', 'ratelimit-policy', 'server', 'x-powered-by', 'alt-svc']);

/** Where one value is the only sane number; two are a smuggling attempt. */
const single = new Set([
  'host',
  'authorization',
  'content-type',
  'content-length',
  'transfer-encoding',
  'content-digest',
  'content-encoding',
  'idempotency-key',
  'expect',
  'range',
]);

const hostPattern = /^(?:[A-Za-z0-9\-._~]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/** Pairs of Node's flat `rawHeaders`. */
export function pairsOf(raw: readonly string[]): Header[] {
  const pairs: Header[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) pairs.push([raw[i] ?? '', raw[i + 1] ?? '']);
  return pairs;
}

/**
 * Refuses headers that two readers could take differently. Node's parser has refused malformed ones already; it lets
 * a second Host and a second Authorization pass.
 * @throws GATEWAY_REQUEST_AMBIGUOUS
 */
export function checkHeaders(headers: readonly Header[]): void {
  const seen = new Set<string>();
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    if (key === 'host' && !hostPattern.test(value)) throw ambiguous('has a Host that is no host');
    if (!single.has(key)) continue;
    if (seen.has(key)) throw ambiguous(`has two ${key} headers`);
    seen.add(key);
  }
  if (!seen.has('host')) throw ambiguous('has no Host');
  if (seen.has('content-length') && seen.has('transfer-encoding')) throw ambiguous('has two lengths');
}

function ambiguous(what: string) {
  return gatewayError('GATEWAY_REQUEST_AMBIGUOUS', `The request ${what}.`);
}

/** What the gateway says of the client and the request to the service behind it. */
export interface Forwarding {
  readonly clientAddress: string;
  readonly host: string;
  readonly protocol: string;
  readonly requestId: string;
  readonly traceparent: string;
}

/** The request's end-to-end headers, without what a client may not claim, and with what the gateway knows. */
export function requestHeaders(headers: readonly Header[], forwarding: Forwarding): Header[] {
  const listed = connectionListed(headers);
  const kept = headers.filter(([name]) => {
    const key = name.toLowerCase();
    if (hopByHop.has(key) || claimed.has(key) || ownRequest.has(key)) return false;
    // An underscore and a dash are one to some readers, so such names could stand in for those dropped above.
    if (key.startsWith('x-forwarded') || key.includes('_')) return false;
    // Credentials survive `Connection: authorization`: it must not make an authenticated request an anonymous one.
    return key === 'authorization' || !listed.has(key);
  });
  return [
    ...kept,
    ['x-forwarded-for', forwarding.clientAddress],
    ['x-forwarded-proto', forwarding.protocol],
    ['x-forwarded-host', forwarding.host],
    ['x-request-id', forwarding.requestId],
    ['traceparent', forwarding.traceparent],
    ['via', '1.1 lucid'],
  ];
}

/** The answer's end-to-end headers. */
export function responseHeaders(headers: readonly Header[]): Header[] {
  const listed = connectionListed(headers);
  return headers.filter(([name]) => {
    const key = name.toLowerCase();
    return !hopByHop.has(key) && !ownResponse.has(key) && !listed.has(key);
  });
}

/** Names the Connection header declares to be for this hop only. */
function connectionListed(headers: readonly Header[]): Set<string> {
  const names = headers
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map((name) => name.trim().toLowerCase()));
  // Framing is not the sender's to take away.
  return new Set(names.filter((name) => name !== 'content-length' && name !== 'content-type'));
}

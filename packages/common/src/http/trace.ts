import { AsyncLocalStorage } from 'node:async_hooks';
import { randomFillSync, randomUUID } from 'node:crypto';

/** Ties a request to the calls it causes: our request id, and W3C Trace Context's `traceparent`. */
export interface Trace {
  readonly requestId: string;
  readonly traceparent: string;
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const traceparentPattern = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const current = new AsyncLocalStorage<Trace>();

/** A caller's request id is taken only if it is a UUID, so that it can never smuggle anything into a log. */
export function acceptRequestId(header: unknown): string {
  return typeof header === 'string' && uuidPattern.test(header) ? header : randomUUID();
}

const pool = Buffer.alloc(4096);
let used = pool.length;

/** Random bytes in hex, drawn from a pool: asking the system for a few at a time costs far more than they do. */
function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('hex', used - bytes, used);
}

/** Continues the caller's trace with a span of our own, or starts one (W3C Trace Context §3.2). */
export function acceptTraceparent(header: unknown): string {
  const isValid = typeof header === 'string' && traceparentPattern.test(header);
  const traceId = isValid ? header.slice(3, 35) : randomHex(16);
  const flags = isValid ? header.slice(53) : '01';
  return `00-${traceId}-${randomHex(8)}-${flags}`;
}

/** Makes `trace` the current one for what follows in this request. */
export function runWithTrace<T>(trace: Trace, work: () => T): T {
  return current.run(trace, work);
}

/** Headers that carry the current request's trace to the next service; empty outside a request. */
export function traceHeaders(): Record<string, string> {
  const trace = current.getStore();
  return trace ? { 'x-request-id': trace.requestId, traceparent: trace.traceparent } : {};
}

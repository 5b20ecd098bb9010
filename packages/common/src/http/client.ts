import type { Api, Operation, OperationInput, OperationOutput, Operations, RawBodyInput } from '../apis/api.ts';
import { AppError, type FieldError } from '../errors.ts';
import { CircuitBreaker, type CircuitBreakerOptions } from './circuit-breaker.ts';
import { verifyReachable } from './onion-guard.ts';

/** A problem document as an error: `code` and `status` are the service's own. */
export class ApiError extends AppError {
  readonly requestId: string | undefined;

  constructor(problem: Partial<ProblemLike>, status: number, retryAfterSec: number | undefined) {
    super(problem.code ?? 'UPSTREAM_ANSWER_INVALID', problem.detail ?? `The service answered ${status}.`, {
      status,
      data: problem,
      errors: problem.errors ?? [],
      ...(retryAfterSec === undefined ? {} : { retryAfterSec }),
    });
    this.name = 'ApiError';
    this.requestId = problem.requestId;
  }
}

interface ProblemLike {
  readonly code: string;
  readonly detail: string;
  readonly requestId: string;
  readonly errors: readonly FieldError[];
}

export interface ClientOptions {
  /** Address before the operation's path, e.g. `http://127.0.0.1:8086` or `http://127.0.0.1:8082/api/v1/ledger`. */
  readonly baseUrl: string;
  /** Gives the bearer token of a call; absent for public operations. */
  readonly token?: () => Promise<string | undefined> | string | undefined;
  /** Headers added to every call (trace context). */
  readonly headers?: () => Record<string, string>;
  /** For one attempt, headers and body, ms. */
  readonly timeoutMs?: number;
  /** Attempts in all of a call that may be retried. */
  readonly attemptsMax?: number;
  /** Stop asking a service that keeps failing. */
  readonly breaker?: CircuitBreakerOptions;
  readonly fetch?: typeof fetch;
}

export interface CallOptions {
  readonly idempotencyKey?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Request headers besides the operation's own. */
  readonly headers?: Readonly<Record<string, string>>;
}

export type Client<O extends Operations> = {
  readonly [K in keyof O]: (input?: OperationInput<O[K]>, options?: CallOptions) => Promise<OperationOutput<O[K]>>;
};

interface AnyInput {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  readonly rawBody?: RawBodyInput;
  readonly contentType?: string;
}

const retriedStatuses = new Set([429, 502, 503, 504]);
const backOffBaseMs = 100;
const backOffMaxMs = 5000;

/**
 * A typed client of an API, from its operation table. Uses `fetch` alone, so it runs in Node and in a browser.
 * Calls that may be repeated (GET, PUT, DELETE, or with an idempotency key) are, with exponential back-off and full
 * jitter, honouring Retry-After; streams never are.
 * @throws ApiError for an error answer; AppError UPSTREAM_TIMEOUT, UPSTREAM_UNREACHABLE or CIRCUIT_OPEN for none,
 * UPSTREAM_ANSWER_INVALID for one that is not what the operation declares. ONION_NEEDS_SOCKS, at once, for an onion
 * address without a `fetch` that goes through tor
 */
export function createClient<O extends Operations>(api: Api<O>, options: ClientOptions): Client<O> {
  verifyReachable(options.baseUrl, options.fetch);
  const breaker = options.breaker ? new CircuitBreaker(api.service, options.breaker) : undefined;
  const methods = Object.entries(api.operations).map(([operationId, operation]) => [
    operationId,
    (input: AnyInput = {}, call: CallOptions = {}) =>
      callOperation(api.service, operation, input, call, options, breaker),
  ]);
  return Object.fromEntries(methods) as Client<O>;
}

async function callOperation(
  service: string,
  operation: Operation,
  input: AnyInput,
  call: CallOptions,
  options: ClientOptions,
  breaker: CircuitBreaker | undefined,
): Promise<unknown> {
  const attempt = () => attemptOnce(service, operation, input, call, options);
  const attemptsMax = mayRetry(operation, input, call) ? (options.attemptsMax ?? 3) : 1;
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await (breaker ? breaker.run(attempt, isServiceFault) : attempt());
    } catch (error) {
      if (attempts >= attemptsMax || !isTransient(error) || call.signal?.aborted) throw error;
      await delay(backOffMs(attempts, error), call.signal);
    }
  }
}

function mayRetry(operation: Operation, { rawBody }: AnyInput, call: CallOptions): boolean {
  if (rawBody instanceof ReadableStream) return false;
  const { method, idempotencyKey } = operation;
  // A key that the operation does not read keeps nothing from being done twice.
  if (idempotencyKey && call.idempotencyKey !== undefined) return true;
  return method === 'GET' || method === 'PUT' || method === 'DELETE';
}

/** What a failure says of the service: a fault, that it works, or nothing (the caller gave up, or had no token). */
function isServiceFault(error: unknown): boolean | undefined {
  if (error instanceof ApiError) return error.status >= 500;
  return isUnanswered(error) ? true : undefined;
}

function isUnanswered(error: unknown): boolean {
  return error instanceof AppError && (error.code === 'UPSTREAM_TIMEOUT' || error.code === 'UPSTREAM_UNREACHABLE');
}

function isTransient(error: unknown): boolean {
  if (error instanceof ApiError) return retriedStatuses.has(error.status) || error.code === 'IDEMPOTENCY_IN_FLIGHT';
  return isUnanswered(error);
}

function backOffMs(attempts: number, error: unknown): number {
  const asked = error instanceof AppError && error.retryAfterSec !== undefined ? error.retryAfterSec * 1000 : 0;
  const ceiling = Math.min(backOffMaxMs, backOffBaseMs * 2 ** attempts);
  return Math.min(backOffMaxMs, Math.max(asked, Math.random() * ceiling));
}

function delay(ms: number, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void => {
    clearTimeout(timer);
    reject(signal?.reason);
  };
  const timer = setTimeout(() => {
    signal?.removeEventListener('abort', abort);
    resolve();
  }, ms);
  signal?.addEventListener('abort', abort, { once: true });
  return promise;
}

async function attemptOnce(
  service: string,
  operation: Operation,
  input: AnyInput,
  call: CallOptions,
  options: ClientOptions,
): Promise<unknown> {
  const timeoutMs = call.timeoutMs ?? options.timeoutMs ?? 10_000;
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = call.signal ? AbortSignal.any([timeout, call.signal]) : timeout;
  const init = await toRequest(operation, input, call, options, signal);
  let response: Response;
  try {
    response = await (options.fetch ?? fetch)(toUrl(options.baseUrl, operation, input), init);
    if (response.ok) return await toResult(operation, response);
  } catch (cause) {
    throw toTransportError(service, timeoutMs, timeout, call.signal, cause);
  }
  throw await toApiError(response);
}

function toTransportError(
  service: string,
  timeoutMs: number,
  timeout: AbortSignal,
  caller: AbortSignal | undefined,
  cause: unknown,
): Error {
  if (cause instanceof AppError) return cause;
  if (caller?.aborted) return caller.reason as Error;
  const data = { dependency: service };
  if (cause instanceof SyntaxError) {
    const detail = `${service} answered what is not JSON.`;
    return new AppError('UPSTREAM_ANSWER_INVALID', detail, { status: 502, cause, data });
  }
  if (timeout.aborted) {
    const detail = `${service} did not answer within ${timeoutMs} ms.`;
    return new AppError('UPSTREAM_TIMEOUT', detail, { status: 504, cause, data });
  }
  return new AppError('UPSTREAM_UNREACHABLE', `${service} cannot be reached.`, { status: 503, cause, data });
}

/**
 * Fills the path from `params`, each segment percent-encoded; `{+rest}` keeps its slashes; a list in the query is
 * repeated. @throws REQUEST_INVALID for a dot segment, which a URL would take for another path
 */
export function toUrl(baseUrl: string, { path }: Operation, { params = {}, query = {} }: AnyInput): string {
  const filled = path.replaceAll(/\{(\+?)(\w+)\}/g, (_match, rest: string, name: string) => {
    const value = String(params[rest ? '*' : name]);
    return rest ? value.split('/').map(encodeSegment).join('/') : encodeSegment(value);
  });
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const item of Array.isArray(value) ? value : [value])
      if (item !== undefined) search.append(name, String(item));
  }
  const text = search.toString();
  return `${baseUrl.replace(/\/$/, '')}${filled}${text ? `?${text}` : ''}`;
}

function encodeSegment(text: string): string {
  if (text !== '.' && text !== '..') return encodeURIComponent(text);
  throw new AppError('REQUEST_INVALID', `"${text}" is not a value a path can carry.`, { status: 400 });
}

async function toRequest(
  { method }: Operation,
  input: AnyInput,
  call: CallOptions,
  options: ClientOptions,
  signal: AbortSignal,
): Promise<RequestInit> {
  const headers = new Headers({ ...options.headers?.(), ...call.headers });
  for (const [name, value] of Object.entries(input.headers ?? {}))
    if (value !== undefined) headers.set(name, String(value));
  const token = await options.token?.();
  if (token) headers.set('authorization', `Bearer ${token}`);
  if (call.idempotencyKey) headers.set('idempotency-key', call.idempotencyKey);
  const init: RequestInit & { duplex?: 'half' } = { method, headers, signal, redirect: 'error' };
  if (input.rawBody !== undefined) {
    headers.set('content-type', input.contentType ?? 'application/octet-stream');
    init.body = input.rawBody;
    init.duplex = 'half';
  } else if (input.body !== undefined) {
    headers.set('content-type', 'application/json');
    init.body = JSON.stringify(input.body);
  }
  return init;
}

async function toResult(operation: Operation, response: Response): Promise<unknown> {
  const spec = operation.responses[response.status];
  if (spec?.contentType) return response;
  if (response.status === 204 || spec?.schema === undefined) {
    await response.body?.cancel();
    return undefined;
  }
  return await response.json();
}

async function toApiError(response: Response): Promise<ApiError> {
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  const retryAfterSec = Number.isFinite(retryAfter) ? retryAfter : undefined;
  const text = await response.text().catch(() => '');
  return new ApiError(parseProblem(text), response.status, retryAfterSec);
}

/** A problem document; nothing of a body that is none, such as a proxy's page. */
function parseProblem(text: string): Partial<ProblemLike> {
  try {
    const value = JSON.parse(text) as Partial<ProblemLike> | null;
    if (typeof value !== 'object' || typeof value?.code !== 'string') return {};
    return { ...value, errors: Array.isArray(value.errors) ? value.errors : [] };
  } catch {
    return {};
  }
}

import { AppError, isAppError } from '@lucid/common/errors';
import { fileTooLarge, type LogSource, missingFile } from './log-source.ts';
import { pause } from './pause.ts';

export interface HttpSourceOptions {
  /** The log's prefix: `<prefix>/checkpoint` is its checkpoint. */
  readonly url: string;
  /** Another way there, such as `createSocksFetch`. */
  readonly fetch?: typeof fetch;
  /** For one answer, body included, ms. */
  readonly timeoutMs?: number;
  /** How often a file is asked for before it counts as unreachable. */
  readonly attemptsMax?: number;
  /** The first pause between two attempts, ms; each next one is twice as long, up to 10 s, and less by chance. */
  readonly retryBaseMs?: number;
  /** Told of each attempt that failed and will be made again. */
  readonly onRetry?: (error: Error) => void;
}

const retryMaxMs = 10_000;

/** A log over HTTP, in Node or a browser. Answers that may pass (no answer, 408, 429, 5xx) are asked for again. */
export function createHttpSource(options: HttpSourceOptions): LogSource {
  const { attemptsMax = 6, retryBaseMs = 250, onRetry } = options;
  const prefix = options.url.replace(/\/+$/u, '');
  return {
    name: prefix,
    readFile: async (path, sizeMax, signal) => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await readOnce(options, `${prefix}/${path}`, sizeMax, signal);
        } catch (error) {
          if (signal?.aborted) throw signal.reason;
          if (attempt >= attemptsMax || !isAppError(error) || error.status < 500) throw error;
          onRetry?.(error);
          const waitMs = Math.min(retryMaxMs, retryBaseMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
          await pause(Math.max(waitMs, (error.retryAfterSec ?? 0) * 1000), signal);
        }
      }
    },
  };
}

async function readOnce(
  { fetch: get = fetch, timeoutMs = 30_000 }: HttpSourceOptions,
  url: string,
  sizeMax: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await get(url, { signal: signal ? AbortSignal.any([signal, timeout]) : timeout });
    if (response.ok) return await readBody(response, url, sizeMax);
    await response.body?.cancel().catch(() => undefined);
    if (response.status === 404 || response.status === 410) throw missingFile(new URL(url).pathname, 'The log');
    throw statusError(url, response);
  } catch (error) {
    if (isAppError(error)) throw error;
    const code = timeout.aborted ? 'UPSTREAM_TIMEOUT' : 'UPSTREAM_UNREACHABLE';
    throw new AppError(code, `The log does not answer at ${url}.`, {
      status: timeout.aborted ? 504 : 503,
      cause: error,
    });
  }
}

function statusError(url: string, { status, headers }: Response): AppError {
  const mayPass = status >= 500 || status === 408 || status === 429;
  const retryAfterSec = Number(headers.get('retry-after') ?? Number.NaN);
  return new AppError('LOG_ANSWER_INVALID', `${url} answered ${status}.`, {
    status: mayPass ? 503 : 422,
    ...(retryAfterSec >= 0 && retryAfterSec <= 60 ? { retryAfterSec } : {}),
  });
}

async function readBody(response: Response, url: string, sizeMax: number): Promise<Uint8Array> {
  if (!response.body) return new Uint8Array(await response.arrayBuffer());
  // One growing buffer: a server may send every byte as a piece of its own, and each is an object.
  let bytes: Uint8Array = new Uint8Array(0);
  let size = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return bytes.subarray(0, size);
    if (size + value.length > sizeMax) {
      await reader.cancel();
      throw fileTooLarge(url, sizeMax);
    }
    if (size === 0) bytes = value;
    else {
      if (size + value.length > bytes.length) bytes = grown(bytes, size, size + value.length, sizeMax);
      bytes.set(value, size);
    }
    size += value.length;
  }
}

function grown(bytes: Uint8Array, used: number, needed: number, sizeMax: number): Uint8Array {
  const larger = new Uint8Array(Math.min(sizeMax, Math.max(needed, bytes.length * 2)));
  larger.set(bytes.subarray(0, used));
  return larger;
}

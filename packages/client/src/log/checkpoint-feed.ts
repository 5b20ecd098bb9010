import { AppError, isAppError } from '@lucid/common/errors';
import { parseEvents } from './event-stream.ts';
import { createHttpSource, type HttpSourceOptions } from './http-source.ts';
import { type LogSource, readCheckpointFile } from './log-source.ts';
import { pause } from './pause.ts';

/**
 * Tells of a log's checkpoints, as signed notes that nobody has looked into yet: the current one at once, then each new
 * one or, where many come, the newest of them. Ends only with the signal, by its reason, or by a refusal for good.
 */
export type CheckpointFeed = (signal: AbortSignal) => AsyncIterable<Uint8Array | string>;

export interface FeedOptions {
  /** Between two looks, where a log has no stream, ms. */
  readonly pollMs?: number;
  /** Silence after which a stream is taken for dead, ms. Lucid's ledger gives a sign of life every 15 s. */
  readonly silenceMs?: number;
  /** The first pause before connecting again, ms; each next one is twice as long, up to 30 s, and less by chance. */
  readonly retryBaseMs?: number;
  /** Told why the log is away; it is tried again. */
  readonly onAway?: (error: Error) => void;
}

const retryMaxMs = 30_000;

/** Looks at `checkpoint` every `pollMs`: for logs that are nothing but static files, a folder among them. */
export function pollCheckpoints(source: LogSource, options: FeedOptions = {}): CheckpointFeed {
  const { pollMs = 10_000, onAway } = options;
  return async function* poll(signal) {
    for (let shown = ''; ; await pause(pollMs, signal)) {
      try {
        const note = new TextDecoder().decode(await readCheckpointFile(source, signal));
        if (note === shown) continue;
        yield note;
        shown = note;
      } catch (error) {
        signal.throwIfAborted();
        if (!isAppError(error) || error.status < 500) throw error;
        onAway?.(error);
      }
    }
  };
}

/** Lucid's `GET /follow`, joined again after every break; a log that has no such stream is polled. */
export function streamCheckpoints(http: HttpSourceOptions, options: FeedOptions = {}): CheckpointFeed {
  const { retryBaseMs = 500, onAway } = options;
  return async function* stream(signal) {
    for (let failures = 0; ; ) {
      try {
        for await (const note of readStream(http, options, signal)) {
          failures = 0;
          yield note;
        }
      } catch (error) {
        signal.throwIfAborted();
        if (isAppError(error, 'LOG_STREAM_MISSING')) break;
        if (!isAppError(error) || error.status < 500) throw error;
        onAway?.(error);
      }
      const waitMs = Math.min(retryMaxMs, retryBaseMs * 2 ** Math.min(failures++, 10));
      await pause(waitMs * (0.5 + Math.random() / 2), signal);
    }
    yield* pollCheckpoints(createHttpSource(http), options)(signal);
  };
}

async function* readStream(
  { url, fetch: get = fetch, timeoutMs = 30_000 }: HttpSourceOptions,
  { silenceMs = 60_000 }: FeedOptions,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  const dead = new AbortController();
  const limit = (ms: number) => setTimeout(() => dead.abort(new Error('it fell silent')), ms);
  let timer = limit(timeoutMs);
  const either = AbortSignal.any([signal, dead.signal]);
  try {
    const headers = { accept: 'text/event-stream' };
    const response = await get(`${url.replace(/\/+$/u, '')}/follow`, { headers, signal: either });
    requireStream(response);
    const alive = async function* (): AsyncGenerator<Uint8Array> {
      const reader = response.body?.getReader();
      if (reader === undefined) return;
      for (;;) {
        clearTimeout(timer);
        timer = limit(silenceMs);
        const { done, value } = await reader.read();
        if (done) return;
        yield value;
      }
    };
    for await (const event of parseEvents(alive())) if (event?.type === 'checkpoint') yield event.data;
  } catch (cause) {
    if (isAppError(cause)) throw cause;
    throw new AppError('UPSTREAM_UNREACHABLE', `The stream of ${url} broke off.`, { status: 503, cause });
  } finally {
    clearTimeout(timer);
    dead.abort();
  }
}

function requireStream({ ok, status, headers, body }: Response): void {
  if (ok && body && headers.get('content-type')?.startsWith('text/event-stream')) return;
  void body?.cancel().catch(() => undefined);
  const mayPass = status >= 500 || status === 408 || status === 429;
  if (mayPass) throw new AppError('UPSTREAM_UNREACHABLE', `The log answered ${status}.`, { status: 503 });
  throw new AppError('LOG_STREAM_MISSING', `The log has no stream to follow (${status}).`, { status: 404 });
}

import type { Readable } from 'node:stream';
import { AppError } from '@lucid/common/errors';
import type { Dispatcher } from 'undici';
import type { AnswerSink } from '../domain/answer-sink.ts';
import { ClientGone } from '../domain/client-gone.ts';
import { type Header, responseHeaders } from '../domain/headers.ts';
import type { UpstreamRequest } from '../domain/upstream.ts';
import { gatewayError } from '../errors.ts';
import type { Upload } from './upload.ts';

export interface ExchangeTimeouts {
  readonly firstByteMs: number;
  readonly idleMs: number;
  readonly totalMs: number;
}

export type ExchangeRequest = Omit<UpstreamRequest, 'body'> & { readonly upload: Upload | undefined };

/**
 * One request to an upstream and its answer, streamed both ways: what the upstream does not take is not read from the
 * client, and what the client does not take is not read from the upstream. `head` settles with the answer's status or
 * with why there is none; `done` resolves when nothing moves any more.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #service: string;
  readonly #request: ExchangeRequest;
  readonly #sink: AnswerSink;
  readonly #timeouts: ExchangeTimeouts;
  readonly #head = Promise.withResolvers<number>();
  readonly #done = Promise.withResolvers<void>();
  readonly #totalTimer: NodeJS.Timeout;
  #stepTimer: NodeJS.Timeout | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #abortReason: Error | undefined;
  #isAnswering = false;
  #isOver = false;

  constructor(service: string, request: ExchangeRequest, sink: AnswerSink, timeouts: ExchangeTimeouts) {
    this.#service = service;
    this.#request = request;
    this.#sink = sink;
    this.#timeouts = timeouts;
    this.#totalTimer = setTimeout(() => this.abort(this.#timeoutError('in all', timeouts.totalMs)), timeouts.totalMs);
  }

  /** @throws ClientGone, GATEWAY_UPSTREAM_*, REQUEST_TOO_LARGE, REQUEST_TIMEOUT */
  start(dispatcher: Dispatcher): Promise<number> {
    const { method, path, headers, upload } = this.#request;
    const length = upload?.length;
    dispatcher.dispatch(
      {
        method,
        path,
        headers: [...headers.flat(), ...(length === undefined ? [] : ['content-length', String(length)])],
        // undici takes async iterables; its types name only the Readable among them.
        body: (upload?.chunks(() => this.#progress()) ?? null) as unknown as Readable | null,
      },
      this,
    );
    return this.#head.promise;
  }

  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** Ends the exchange from this side. */
  abort(reason: Error): void {
    if (this.#abortReason || this.#isOver) return;
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }

  /** The client went away. After the end of an answer this says nothing. */
  leave(): void {
    if (!this.#isOver) this.abort(new ClientGone());
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#abortReason) controller.abort(this.#abortReason);
    else this.#progress();
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status < 200) return; // interim answers end here
    this.#isAnswering = true;
    this.#progress();
    this.#sink.start(status, responseHeaders(pairsOfRaw(controller.rawHeaders)));
    this.#head.resolve(status);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#progress();
    if (this.#sink.write(chunk)) return;
    controller.pause();
    this.#sink.onDrain(() => {
      this.#progress();
      controller.resume();
    });
  }

  onResponseEnd(): void {
    this.#sink.end();
    this.#finish();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#isAnswering) this.#sink.abort();
    else this.#head.reject(this.#toAnswer(this.#abortReason ?? error));
    this.#finish();
  }

  #finish(): void {
    this.#isOver = true;
    clearTimeout(this.#stepTimer);
    clearTimeout(this.#totalTimer);
    this.#done.resolve();
  }

  /** Something moved: the time for the next step starts again. */
  #progress(): void {
    clearTimeout(this.#stepTimer);
    const { idleMs, firstByteMs } = this.#timeouts;
    const isSent = this.#request.upload?.isComplete ?? true;
    const stepMs = this.#isAnswering || !isSent ? idleMs : firstByteMs;
    this.#stepTimer = setTimeout(() => this.abort(this.#stepError(stepMs)), stepMs);
  }

  #stepError(stepMs: number): AppError {
    const { upload } = this.#request;
    if (!this.#isAnswering && upload && !upload.isComplete && upload.waitsForClient) {
      return gatewayError('REQUEST_TIMEOUT', `The body paused for more than ${stepMs} ms.`);
    }
    return this.#timeoutError('for the next step', stepMs);
  }

  #timeoutError(what: string, ms: number): AppError {
    const detail = `${this.#service} took more than ${ms} ms ${what}.`;
    return gatewayError('GATEWAY_UPSTREAM_TIMEOUT', detail, { data: { upstream: this.#service } });
  }

  #toAnswer(error: Error): Error {
    if (error instanceof AppError || error instanceof ClientGone) return error;
    const options = { cause: error, data: { upstream: this.#service }, retryAfterSec: 1 };
    if (unreachableCodes.has((error as NodeJS.ErrnoException).code ?? '')) {
      return gatewayError('GATEWAY_UPSTREAM_UNREACHABLE', `${this.#service} cannot be reached.`, options);
    }
    return gatewayError('GATEWAY_UPSTREAM_FAILED', `${this.#service} broke off before it answered.`, options);
  }
}

const unreachableCodes = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function pairsOfRaw(raw: Dispatcher.DispatchController['rawHeaders']): Header[] {
  if (!Array.isArray(raw)) return [];
  const texts = raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
  const pairs: Header[] = [];
  for (let i = 0; i + 1 < texts.length; i += 2) pairs.push([texts[i] ?? '', texts[i + 1] ?? '']);
  return pairs;
}

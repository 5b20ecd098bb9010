import { AppError, isAppError } from '@lucid/common/errors';
import { CircuitBreaker, type CircuitState } from '@lucid/common/http/circuit-breaker';
import { Pool } from 'undici';
import type { AnswerSink } from '../domain/answer-sink.ts';
import { RetryBudget } from '../domain/retry-budget.ts';
import { Slots } from '../domain/slots.ts';
import type { OnClientClose, Upstream, UpstreamHealth, UpstreamRequest } from '../domain/upstream.ts';
import { gatewayError } from '../errors.ts';
import { Exchange, type ExchangeRequest, type ExchangeTimeouts } from './exchange.ts';
import { askHealth } from './health.ts';
import { Upload } from './upload.ts';

export interface UpstreamOptions {
  /** The service's name. */
  readonly service: string;
  readonly baseUrl: string;
  readonly connectionsMax: number;
  readonly connectTimeoutMs: number;
  readonly timeouts: ExchangeTimeouts;
  readonly circuitFailuresMax: number;
  readonly circuitOpenMs: number;
  readonly onRetry?: () => void;
  /** Monotonic milliseconds, for the circuit breaker. */
  readonly now?: () => number;
}

/** RFC 9110 §9.2.2. */
const idempotentMethods = new Set(['GET', 'HEAD', 'PUT', 'DELETE']);
const attemptsMax = 2;
const keepAliveMs = 30_000;
const answerHeaderBytesMax = 32 * 1024;

/** A status was passed on that tells of a fault of the service. */
class FaultyAnswer extends Error {}

/** A service behind the gateway: its bounded connections, its circuit breaker, its retries. */
export class HttpUpstream implements Upstream, AsyncDisposable {
  readonly service: string;
  readonly baseUrl: string;
  readonly #options: UpstreamOptions;
  /** Of the base URL; usually empty. */
  readonly #pathPrefix: string;
  readonly #pool: Pool;
  readonly #breaker: CircuitBreaker;
  readonly #budget = new RetryBudget();
  readonly #slots = new Slots();

  constructor(options: UpstreamOptions) {
    this.service = options.service;
    this.baseUrl = options.baseUrl;
    this.#options = options;
    const { origin, pathname } = new URL(options.baseUrl);
    this.#pathPrefix = pathname.replace(/\/$/, '');
    this.#pool = new Pool(origin, {
      connections: options.connectionsMax,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: keepAliveMs,
      connect: { timeout: options.connectTimeoutMs },
      maxHeaderSize: answerHeaderBytesMax,
      // Time is watched by Exchange, which knows who is waited for.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    this.#breaker = new CircuitBreaker(options.service, {
      failuresMax: options.circuitFailuresMax,
      openMs: options.circuitOpenMs,
      ...(options.now ? { now: options.now } : {}),
    });
  }

  get circuit(): CircuitState {
    return this.#breaker.state;
  }

  get requestsInFlight(): number {
    return this.#slots.heldBy(this.service);
  }

  async send({ body, ...rest }: UpstreamRequest, sink: AnswerSink, onClose: OnClientClose): Promise<void> {
    const release = this.#slots.acquire(this.service, this.#options.connectionsMax);
    if (!release) {
      throw gatewayError('OVERLOADED', `Too many requests to ${this.service} are in work.`, { retryAfterSec: 1 });
    }
    const isRepeatable = idempotentMethods.has(rest.method) && body === undefined;
    if (isRepeatable) this.#budget.deposit();
    try {
      const request = { ...rest, path: `${this.#pathPrefix}${rest.path}`, upload: body && new Upload(body) };
      for (let attempt = 1; ; attempt += 1) {
        try {
          await this.#attempt(request, sink, onClose);
          return;
        } catch (error) {
          const mayRetry = isRepeatable && attempt < attemptsMax && isTransport(error) && this.#budget.take();
          if (!mayRetry) throw error;
          this.#options.onRetry?.();
        }
      }
    } finally {
      release();
    }
  }

  async #attempt(request: ExchangeRequest, sink: AnswerSink, onClose: OnClientClose): Promise<void> {
    let exchange: Exchange | undefined;
    const toHead = async () => {
      exchange = new Exchange(this.service, request, sink, this.#options.timeouts);
      const current = exchange;
      onClose(() => current.leave());
      const status = await exchange.start(this.#pool);
      if (isFaulty(status)) throw new FaultyAnswer();
    };
    try {
      await this.#breaker.run(toHead, verdictOn);
    } catch (error) {
      if (!(error instanceof FaultyAnswer)) throw error;
    }
    await exchange?.done;
  }

  async health(): Promise<UpstreamHealth> {
    return await askHealth(this.baseUrl);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy();
  }
}

/** 503 is a service's own measured answer, with a Retry-After; the others say that it does not work. */
function isFaulty(status: number): boolean {
  return status === 500 || status === 502 || status === 504;
}

function isTransport(error: unknown): boolean {
  return isAppError(error, 'GATEWAY_UPSTREAM_UNREACHABLE') || isAppError(error, 'GATEWAY_UPSTREAM_FAILED');
}

/** What a failure says of the service: what a client did wrong says nothing. */
function verdictOn(error: unknown): boolean | undefined {
  if (error instanceof FaultyAnswer) return true;
  if (error instanceof AppError) return error.code.startsWith('GATEWAY_UPSTREAM_') ? true : undefined;
  return undefined;
}

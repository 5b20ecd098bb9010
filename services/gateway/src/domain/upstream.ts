import type { CircuitState } from '@lucid/common/http/circuit-breaker';
import type { AnswerSink } from './answer-sink.ts';
import type { Header } from './headers.ts';

/** A body that has not been read yet, such as a Node Readable. */
export interface BodySource {
  iterator(options: { readonly destroyOnReturn: boolean }): AsyncIterable<unknown>;
}

export interface RequestBody {
  readonly source: BodySource;
  readonly bytesMax: number;
  /** The announced Content-Length; undefined for a chunked body. */
  readonly length: number | undefined;
}

export interface UpstreamRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: readonly Header[];
  readonly body: RequestBody | undefined;
}

/** Calls the listener once when the client closes its connection. */
export type OnClientClose = (listener: () => void) => void;

/** What the service says of itself. */
export interface UpstreamHealth {
  readonly status: 'ready' | 'not ready' | 'unreachable';
  /** Names of the checks that fail. */
  readonly failing: readonly string[];
}

/** A service behind the gateway. */
export interface Upstream {
  readonly service: string;
  readonly circuit: CircuitState;
  readonly requestsInFlight: number;
  /**
   * Sends the request and streams the answer into the sink, nothing of either held in memory. Resolves when both are
   * over, also when the answer broke off on its way. Once more is tried only when the request is idempotent, has no
   * body, and nothing was answered.
   * @throws when nothing was answered: OVERLOADED, CIRCUIT_OPEN, GATEWAY_UPSTREAM_*, REQUEST_TOO_LARGE,
   *   REQUEST_TIMEOUT, or ClientGone
   */
  send(request: UpstreamRequest, sink: AnswerSink, onClientClose: OnClientClose): Promise<void>;
  /** Asks the service itself; never throws, and answers within a second. */
  health(): Promise<UpstreamHealth>;
}

import type { Access } from '../../apis/api.ts';
import type { Identity } from '../identity.ts';
import type { Trace } from '../trace.ts';

/** A request of the fast lane: of a registered shape, whole, from a caller its access rule admits. */
export interface LaneRequest {
  /** As it came; empty for a GET. It may be kept. */
  readonly body: Buffer;
  /** One of the route's content types; empty for a GET. */
  readonly contentType: string;
  /** The headers the route reads that came, by lower-case name; each came once. */
  readonly headers: Readonly<Record<string, string>>;
  /** Set unless the route is public and no token came. */
  readonly identity: Identity | undefined;
  readonly trace: Trace;
}

export interface LaneAnswer {
  readonly status: number;
  /** ASCII text, or bytes. */
  readonly body: string | Uint8Array;
  readonly contentType: string;
}

/** Said by a route that answers through `LaneReply`, now or later. */
export const answeredLater = Symbol('answered later');

/** Where a request's one answer goes that is made without a promise: at many thousands a second promises are felt. */
export interface LaneReply {
  readonly answer: (answer: LaneAnswer) => void;
  /** As what `serve` throws. */
  readonly fail: (error: unknown) => void;
}

export type Served = Promise<LaneAnswer> | LaneAnswer | typeof answeredLater | undefined;

/** One shape of request the lane serves itself. The same operation has an ordinary route, which serves all others. */
export interface LaneRoute {
  readonly method: 'GET' | 'POST';
  /** Path and query, to the byte. */
  readonly target: `/${string}`;
  readonly operationId: string;
  readonly access: Access;
  /** The exact values of Content-Type that are served; none for a GET. */
  readonly contentTypes: readonly string[];
  /** A longer body is for the ordinary route to refuse. 0 for a GET. */
  readonly bodyBytesMax: number;
  /** Headers the route reads, lower case. */
  readonly headers: readonly string[];
  /**
   * Answers the request, or undefined, before anything was done, where the ordinary route shall. What it throws or
   * rejects with is answered as the ordinary route would.
   */
  readonly serve: (request: LaneRequest, reply: LaneReply) => Served;
  /** Whether there is room for one more; without room a request is held for a moment, then refused. */
  readonly hasRoom?: () => boolean;
}

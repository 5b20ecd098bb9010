import type { Socket } from 'node:net';
import { type Identity, isAdmitted } from '../identity.ts';
import { acceptRequestId, acceptTraceparent, runWithTrace, type Trace } from '../trace.ts';
import { clientGoneStatus } from '../traffic.ts';
import type { Lane } from './lane.ts';
import { HeadReader, type RequestHead } from './request-head.ts';
import { answeredLater, type LaneAnswer, type LaneReply } from './route.ts';

/** A request whose bytes are all here. */
interface Whole {
  readonly head: RequestHead;
  readonly start: number;
  readonly end: number;
}

/** The request that is being served. */
interface Current extends Whole {
  readonly trace: Trace;
  readonly identity: Identity | undefined;
  readonly startedAt: number;
  /** Whether it is among the service's requests in work; one that is held is not. */
  isBegun: boolean;
}

/** Bytes that may wait behind a request; then the socket is not read. */
const waitingBytesMax = 64 * 1024;

/**
 * One connection while it is on the lane. Requests are served one after the other, in their order. Bytes that came
 * together are either all whole requests of registered shapes, or all for the ordinary server: so nothing is served
 * here that came with something the ordinary server would have cut the connection for.
 */
export class LaneConnection {
  readonly socket: Socket;
  readonly #lane: Lane;
  readonly #reader: HeadReader;
  #waiting: Buffer | undefined;
  /** What is being served of, request by request. */
  #bytes: Buffer | undefined;
  #requests: readonly Whole[] = [];
  #next = 0;
  #isBusy = false;
  #isStalled = false;
  #current: Current | undefined;
  /** The head of a request whose body is still coming. */
  #partial: RequestHead | undefined;
  #partialIdentity: Identity | undefined;
  /** When it began to wait for what it waits for now, in the lane's time. */
  #since: number;
  #isFresh = true;
  #isGone = false;

  constructor(lane: Lane, socket: Socket) {
    this.#lane = lane;
    this.socket = socket;
    this.#reader = new HeadReader(lane.routes);
    this.#since = lane.now();
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    socket.on('drain', this.#onDrain);
  }

  /** Whether nothing has come that is not answered. */
  get isIdle(): boolean {
    return !this.#isBusy && this.#waiting === undefined;
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#waiting = this.#waiting ? Buffer.concat([this.#waiting, chunk]) : chunk;
    if (!this.#isBusy) this.#look();
    else if (this.#waiting.length > waitingBytesMax) this.socket.pause();
  };

  /** Reads what has come, up to its end; nothing is being served. */
  #look(): void {
    const bytes = this.#waiting;
    if (!bytes) return;
    if (this.#lane.isDraining) return this.#handOver(bytes);
    const requests: Whole[] = [];
    for (let start = 0; start < bytes.length; ) {
      const head = this.#reader.read(bytes, start);
      if (!head) return this.#handOver(bytes);
      const end = start + head.size + head.bodySize;
      if (end > bytes.length) return requests.length === 0 ? this.#awaitBody(head) : this.#handOver(bytes);
      requests.push({ head, start, end });
      start = end;
    }
    this.#waiting = undefined;
    this.#partial = undefined;
    this.#bytes = bytes;
    this.#requests = requests;
    this.#next = 0;
    if (this.#isFresh) this.#lane.served(this.socket);
    this.#isFresh = false;
    this.#isBusy = true;
    this.#serveNext();
  }

  /** A caller who may not call is not waited for: the ordinary server refuses them before the body comes. */
  #awaitBody(head: RequestHead): void {
    if (this.#partial === undefined) this.#since = this.#lane.now();
    this.#partial = head;
    const admit = (identity: Identity | undefined): void => {
      this.#partialIdentity = identity;
      if (!isAllowed(head, identity)) refuse();
    };
    const refuse = (): void => {
      if (this.#waiting && !this.#isBusy) this.#handOver(this.#waiting);
    };
    try {
      const identity = this.#lane.traffic.identify(this.socket, head.authorization);
      if (identity instanceof Promise) identity.then(admit, refuse);
      else admit(identity);
    } catch {
      refuse();
    }
  }

  #serveNext(): void {
    const request = this.#requests[this.#next];
    if (!request) return this.#rest();
    const startedAt = this.#lane.now();
    const admit = (identity: Identity | undefined): void => {
      if (this.#isGone) return;
      if (isAllowed(request.head, identity))
        this.#admit({ ...request, ...this.#traceOf(request), identity, startedAt });
      else this.#handOverRest();
    };
    try {
      const identity = this.#lane.traffic.identify(this.socket, request.head.authorization);
      if (identity instanceof Promise) identity.then(admit, () => this.#handOverRest());
      else admit(identity);
    } catch {
      this.#handOverRest();
    }
  }

  #traceOf({ head }: Whole): Pick<Current, 'trace' | 'isBegun'> {
    const requestId = acceptRequestId(head.requestId);
    return { trace: { requestId, traceparent: acceptTraceparent(head.traceparent) }, isBegun: false };
  }

  #admit(current: Current): void {
    this.#current = current;
    if (this.#lane.hasRoom(current.head.route)) this.work();
    else this.#lane.hold(this);
  }

  /** Whether a held request could be served now. */
  get hasRoom(): boolean {
    return this.#current !== undefined && this.#lane.hasRoom(this.#current.head.route);
  }

  /** Whether it still waits: its client may have gone. */
  get isHeld(): boolean {
    return !this.#isGone && this.#current?.isBegun === false;
  }

  /** Serves the current request. */
  work(): void {
    const { head, start, end, identity, trace } = this.#begin();
    const body = (this.#bytes as Buffer).subarray(start + head.size, end);
    const { contentType, headers, route } = head;
    try {
      const answer = runWithTrace(trace, () =>
        route.serve({ body, contentType, headers, identity, trace }, this.#reply),
      );
      if (answer === undefined) this.#decline();
      else if (answer instanceof Promise) answer.then(this.#answer, this.#fail);
      else if (answer !== answeredLater) this.#answer(answer);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Refuses the current request, which was held for as long as it may be. */
  refuse(): void {
    const { trace } = this.#begin();
    this.#write(this.#lane.encodeRefusal(trace.requestId), this.#lane.refusalStatus);
  }

  #begin(): Current {
    const current = this.#current as Current;
    current.isBegun = true;
    this.#lane.traffic.begin();
    return current;
  }

  #decline(): void {
    this.#lane.traffic.cancel();
    this.#current = undefined;
    this.#handOverRest();
  }

  readonly #reply: LaneReply = {
    answer: (answer) => this.#answer(answer),
    fail: (error) => this.#fail(error),
  };

  /** Whether the client still waits for answers. */
  get #isAwaited(): boolean {
    return !this.#isGone && this.socket.writable;
  }

  readonly #answer = (answer: LaneAnswer): void => {
    if (!this.#isAwaited || !this.#current) return;
    const head = this.#lane.encodeHead(answer, this.#current.trace.requestId);
    if (typeof answer.body === 'string') return this.#write(head + answer.body, answer.status);
    this.#write(Buffer.concat([Buffer.from(head, 'latin1'), answer.body]), answer.status);
  };

  readonly #fail = (error: unknown): void => {
    if (!this.#isAwaited || !this.#current) return;
    const { status, text } = this.#lane.encodeFailure(error, this.#current.trace.requestId);
    this.#write(Buffer.from(text, 'utf8'), status);
  };

  #write(answer: string | Uint8Array, status: number): void {
    const isTaken = typeof answer === 'string' ? this.socket.write(answer, 'latin1') : this.socket.write(answer);
    this.#since = this.#lane.now();
    this.#record(status);
    this.#next += 1;
    // A client that does not take its answers is asked for no more; what it is owed waits for the socket to drain.
    this.#isStalled = !isTaken;
    if (isTaken) this.#serveNext();
  }

  readonly #onDrain = (): void => {
    if (!this.#isStalled) return;
    this.#isStalled = false;
    this.#serveNext();
  };

  #record(status: number): void {
    const current = this.#current;
    if (!current) return;
    this.#current = undefined;
    if (!current.isBegun) this.#lane.traffic.begin();
    this.#lane.record(current.head.route, { ...current, status, durationMs: this.#lane.now() - current.startedAt });
  }

  /** Everything that came together is answered. */
  #rest(): void {
    this.#isBusy = false;
    this.#bytes = undefined;
    this.#requests = [];
    if (this.#lane.isClosing) {
      this.socket.destroySoon();
      return;
    }
    if (this.socket.isPaused()) this.socket.resume();
    this.#look();
  }

  #handOverRest(): void {
    if (this.#isGone) return;
    const bytes = (this.#bytes as Buffer).subarray(this.#requests[this.#next]?.start);
    this.#handOver(this.#waiting ? Buffer.concat([bytes, this.#waiting]) : bytes);
  }

  #handOver(bytes: Buffer): void {
    this.#leave();
    this.#lane.handOver(this, bytes);
  }

  #leave(): void {
    this.#isGone = true;
    this.#waiting = undefined;
    this.socket.off('data', this.#onData);
    this.socket.off('end', this.#onEnd);
    this.socket.off('error', this.#onError);
    this.socket.off('close', this.#onClose);
    this.socket.off('drain', this.#onDrain);
  }

  readonly #onEnd = (): void => {
    if (this.#partial && !this.#isBusy) this.#break('HPE_INVALID_EOF_STATE');
    // As the ordinary server: a client that closes its half waits for no more answers.
    else this.socket.end();
  };

  /** Answers a request that did not come whole, as the ordinary server would, and ends the connection. */
  #break(code: string): void {
    if (this.#partial) this.#lane.recordBroken(this.#partial, this.#partialIdentity);
    this.#waiting = undefined;
    this.#partial = undefined;
    this.#lane.breakOff(this.socket, code);
  }

  readonly #onError = (): void => {
    this.socket.destroy();
  };

  readonly #onClose = (): void => {
    if (this.#partial) this.#lane.recordBroken(this.#partial, this.#partialIdentity);
    this.#record(clientGoneStatus);
    this.#leave();
    this.#lane.forget(this);
  };

  /** Holds the connection to its time-outs. */
  checkTime(now: number): void {
    const waitedMs = now - this.#since;
    const { limits } = this.#lane.traffic;
    if (this.socket.writableLength > 0) {
      if (waitedMs > limits.stallTimeoutMs) this.socket.destroy();
    } else if (this.#isBusy) {
      // A handler that takes its time is not cut.
    } else if (this.#isFresh && this.#waiting === undefined) {
      if (waitedMs > limits.headersTimeoutMs) this.#break('ERR_HTTP_REQUEST_TIMEOUT');
    } else if (this.#waiting) {
      if (limits.requestTimeoutMs > 0 && waitedMs > limits.requestTimeoutMs) this.#break('ERR_HTTP_REQUEST_TIMEOUT');
    } else if (waitedMs > this.#lane.keepAliveMs) this.socket.destroy();
  }
}

function isAllowed({ route: { access } }: RequestHead, identity: Identity | undefined): boolean {
  return identity ? isAdmitted(access, identity) : access === 'public';
}

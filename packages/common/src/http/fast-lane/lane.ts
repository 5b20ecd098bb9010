import assert from 'node:assert/strict';
import { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { answerClientError, type ClientError } from '../connections.ts';
import { logFailure } from '../failures.ts';
import type { Identity } from '../identity.ts';
import { toAppError } from '../problem.ts';
import { overloaded, pathOf } from '../request-hooks.ts';
import { RequestLogger } from '../request-logger.ts';
import { acceptRequestId, acceptTraceparent, type Trace } from '../trace.ts';
import { clientGoneStatus, type Traffic } from '../traffic.ts';
import { createRefusal, encodeHead, encodeProblem } from './answer.ts';
import { LaneConnection } from './connection.ts';
import { HeldRequests } from './held-requests.ts';
import type { LaneRoutes, RequestHead } from './request-head.ts';
import type { LaneAnswer, LaneRoute } from './route.ts';

export interface LaneOptions {
  /** For so long a request there is no room for is held before it is refused, ms. */
  readonly holdMs?: number;
}

/** What a client has beyond the keep-alive time it was told, ms (as `http.Server.keepAliveTimeoutBuffer`). */
const keepAliveGraceMs = 1000;
const sweepMsMax = 5000;

/**
 * The fast lane of one app: it reads connections itself and serves requests of registered shapes with one write each.
 * Whatever else comes, it gives the connection, with every byte that is not answered, to the ordinary server, on whose
 * rules it then stays. So the lane only has to know what it serves for certain; it never has to refuse a request for
 * its form, and a caller who is not admitted is answered by the ordinary route.
 */
export class Lane {
  readonly routes: LaneRoutes;
  readonly traffic: Traffic;
  readonly keepAliveMs: number;
  readonly refusalStatus: number;
  readonly encodeRefusal: (requestId: string) => string;
  readonly #app: FastifyInstance;
  readonly #server: Server;
  readonly #giveAway: (this: Server, socket: Socket) => void;
  readonly #connections = new Set<LaneConnection>();
  readonly #held: HeldRequests;
  readonly #keepAliveSec: number;
  #isClosing = false;
  #sweep: NodeJS.Timeout | undefined;

  constructor(app: FastifyInstance, routes: LaneRoutes, options: LaneOptions) {
    const { server } = app;
    assert.ok(server instanceof Server, 'the lane is for plain HTTP/1.1');
    assert.equal(server.maxRequestsPerSocket, 0, 'a connection brings as many requests as it likes');
    assert.equal(app.service.guard, undefined, 'a guard sees every request, which it could not on the lane');
    const listeners = server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
    assert.equal(listeners.length, 1, 'the lane is put before the one listener of the server');
    this.#app = app;
    this.#server = server;
    this.#giveAway = listeners[0] as (this: Server, socket: Socket) => void;
    this.routes = routes;
    this.traffic = app.traffic;
    this.#held = new HeldRequests(options.holdMs ?? 1000);
    this.keepAliveMs = server.keepAliveTimeout + keepAliveGraceMs;
    this.#keepAliveSec = Math.floor(server.keepAliveTimeout / 1000);
    const full = toAppError(overloaded(this.traffic.limits.requestsInFlightMax));
    this.refusalStatus = full.status;
    this.encodeRefusal = createRefusal(full, app.service.api.errors, this.#keepAliveSec);
    server.off('connection', this.#giveAway);
    server.on('connection', (socket: Socket) => this.#accept(socket));
    this.#closeWithServer();
    app.addHook('preClose', async () => {
      this.#isClosing = true;
    });
    app.addHook('onClose', async () => clearInterval(this.#sweep));
  }

  /** The lane's connections are closed when the server's are. */
  #closeWithServer(): void {
    const server = this.#server;
    const closeIdle = server.closeIdleConnections.bind(server);
    const closeAll = server.closeAllConnections.bind(server);
    server.closeIdleConnections = () => {
      closeIdle();
      for (const connection of this.#connections) if (connection.isIdle) connection.socket.destroy();
    };
    server.closeAllConnections = () => {
      closeAll();
      for (const { socket } of this.#connections) socket.destroy();
    };
  }

  #accept(socket: Socket): void {
    this.#connections.add(new LaneConnection(this, socket));
    if (this.#sweep) return;
    const intervalMs = Math.min(sweepMsMax, this.traffic.limits.headersTimeoutMs);
    this.#sweep = setInterval(() => {
      const now = this.now();
      for (const connection of this.#connections) connection.checkTime(now);
    }, intervalMs).unref();
  }

  /** Monotonic milliseconds. */
  now(): number {
    return performance.now();
  }

  /** Connections on the lane. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Requests that wait for room. */
  get heldCount(): number {
    return this.#held.count;
  }

  /** Whether answers must say that the connection closes: the ordinary server does that. */
  get isDraining(): boolean {
    return this.#app.readiness.isDraining || this.#isClosing;
  }

  get isClosing(): boolean {
    return this.#isClosing;
  }

  hasRoom(route: LaneRoute): boolean {
    return !this.traffic.isFull && (route.hasRoom?.() ?? true);
  }

  hold(connection: LaneConnection): void {
    this.#held.add(connection);
  }

  /** Told of a connection's first request: it is in use from now on. */
  served(socket: Socket): void {
    this.#server.emit('laneRequest', socket);
  }

  forget(connection: LaneConnection): void {
    this.#connections.delete(connection);
  }

  handOver(connection: LaneConnection, bytes: Buffer): void {
    const { socket } = connection;
    this.#connections.delete(connection);
    // Paused, or the bytes put back would be given to nobody.
    socket.pause();
    if (bytes.length > 0) socket.unshift(bytes);
    this.#giveAway.call(this.#server, socket);
    socket.resume();
  }

  encodeHead({ status, contentType, body }: LaneAnswer, requestId: string): string {
    return encodeHead({ status, requestId, contentType, bodySize: body.length, keepAliveSec: this.#keepSec });
  }

  encodeFailure(error: unknown, requestId: string): { status: number; text: string } {
    const { api, logger } = this.#app.service;
    const appError = toAppError(error);
    logFailure(new RequestLogger(logger, { reqId: requestId }), requestId, appError, error);
    const options = { requestId, keepAliveSec: this.#keepSec, catalogue: api.errors };
    return { status: appError.status, text: encodeProblem(appError, options) };
  }

  get #keepSec(): number {
    return this.#isClosing ? 0 : this.#keepAliveSec;
  }

  /** Ends a request that was begun, and gives its room to one that is held. */
  record(
    route: LaneRoute,
    ended: { trace: Trace; identity: Identity | undefined; status: number; durationMs: number },
  ) {
    const { trace, identity, status, durationMs } = ended;
    this.traffic.end({
      requestId: trace.requestId,
      traceparent: trace.traceparent,
      operation: route.operationId,
      method: route.method,
      path: pathOf(route.target),
      status,
      durationMs,
      subject: identity?.subject,
    });
    if (this.#held.count > 0) this.#held.look();
  }

  /** Records a request whose body never came whole. */
  recordBroken({ route, requestId, traceparent }: RequestHead, identity: Identity | undefined): void {
    const trace = { requestId: acceptRequestId(requestId), traceparent: acceptTraceparent(traceparent) };
    this.traffic.begin();
    this.record(route, { trace, identity, status: clientGoneStatus, durationMs: 0 });
  }

  /** Answers what is no whole request, and ends the connection. */
  breakOff(socket: Socket, code: string): void {
    const error: ClientError = Object.assign(new Error(code), { code });
    answerClientError.call(this.#app, error, socket);
  }
}

/**
 * Puts the fast lane before an app's server. Call it once, before the app listens; the routes must have ordinary
 * counterparts in the app, which serve what the lane does not.
 */
export function installFastLane(app: FastifyInstance, routes: readonly LaneRoute[], options: LaneOptions = {}): Lane {
  const shapes = new Map(routes.map((route) => [`${route.method} ${route.target}`, route]));
  assert.equal(shapes.size, routes.length, 'every shape is registered once');
  return new Lane(app, shapes, options);
}

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { commonError } from '../apis/error-factory.ts';
import { acceptTraceparent } from './trace.ts';
import { clientGoneStatus, type Traffic } from './traffic.ts';

/** What every request has: a trace, its id in the answer, a place among those in work, and its line in the log. */
export function installRequestHooks(app: FastifyInstance, traffic: Traffic): void {
  const { requestsInFlightMax } = traffic.limits;
  app.addHook('onRequest', (request, reply, done) => {
    request.trace = { requestId: request.id, traceparent: acceptTraceparent(request.headers.traceparent) };
    reply.header('x-request-id', request.id);
    if (app.readiness.isDraining) reply.header('connection', 'close');
    traffic.begin();
    // The one event every answer ends with, also when the client went away before it.
    reply.raw.once('close', () => record(traffic, request, reply));
    if (traffic.inFlight > requestsInFlightMax && request.routeOptions.config.operation !== undefined) {
      done(overloaded(requestsInFlightMax));
      return;
    }
    done();
  });
}

/** What a request over the limit is refused with. */
export function overloaded(requestsInFlightMax: number): Error {
  return commonError('OVERLOADED', `More than ${requestsInFlightMax} requests are in work.`, { retryAfterSec: 1 });
}

function record(traffic: Traffic, request: FastifyRequest, reply: FastifyReply): void {
  const { trace, identity, method, url } = request;
  traffic.end({
    requestId: trace.requestId,
    traceparent: trace.traceparent,
    operation: request.routeOptions.config.operationId ?? 'none',
    method,
    path: pathOf(url),
    status: reply.raw.writableFinished ? reply.raw.statusCode : clientGoneStatus,
    durationMs: reply.elapsedTime,
    subject: identity?.subject,
  });
}

/** The path without its query, which may hold what is nobody's business. */
export function pathOf(url: string): string {
  const end = url.indexOf('?');
  return (end === -1 ? url : url.slice(0, end)).slice(0, 512);
}

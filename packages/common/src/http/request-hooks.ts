import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { commonError } from '../apis/error-factory.ts';
import { acceptTraceparent } from './trace.ts';

/** How an answer nobody waited for is counted and logged, as nginx does. */
const clientGoneStatus = 499;

/** What every request has: a trace, its id in the answer, a place among those in work, and its line in the log. */
export function installRequestHooks(app: FastifyInstance, logger: Logger, inFlightMax: number): void {
  let inFlight = 0;
  const record = createRecorder(app, logger);
  app.addHook('onRequest', (request, reply, done) => {
    request.trace = { requestId: request.id, traceparent: acceptTraceparent(request.headers.traceparent) };
    reply.header('x-request-id', request.id);
    if (app.readiness.isDraining) reply.header('connection', 'close');
    inFlight += 1;
    // The one event every answer ends with, also when the client went away before it.
    reply.raw.once('close', () => {
      inFlight -= 1;
      record(request, reply);
    });
    if (inFlight > inFlightMax && request.routeOptions.config.operation !== undefined) {
      done(commonError('OVERLOADED', `More than ${inFlightMax} requests are in work.`, { retryAfterSec: 1 }));
      return;
    }
    done();
  });
}

/** Counts a request that has ended and writes the access log. */
function createRecorder(app: FastifyInstance, logger: Logger): (request: FastifyRequest, reply: FastifyReply) => void {
  // Every field of the access log is known to be no secret; looking for secrets in it would be a fifth of its cost.
  const accessLogger = logger.child({}, { redact: [] });
  return (request, reply) => {
    const operation = request.routeOptions.config.operationId ?? 'none';
    const status = reply.raw.writableFinished ? reply.raw.statusCode : clientGoneStatus;
    app.metrics.requestDuration.observe({ operation, status: String(status) }, reply.elapsedTime / 1000);
    if (!accessLogger.isLevelEnabled('info')) return;
    accessLogger.info(
      {
        requestId: request.id,
        traceparent: request.trace.traceparent,
        operation,
        method: request.method,
        path: pathOf(request.url),
        status,
        durationMs: Math.round(reply.elapsedTime * 10) / 10,
        subject: request.identity?.subject,
      },
      'request',
    );
  };
}

/** The path without its query, which may hold what is nobody's business. */
export function pathOf(url: string): string {
  const end = url.indexOf('?');
  return (end === -1 ? url : url.slice(0, end)).slice(0, 512);
}

import fastifySwagger from '@fastify/swagger';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import type { Logger } from 'pino';
import type { Access, Api, Operation } from '../apis/api.ts';
import { commonError } from '../apis/error-factory.ts';
import type { AppError } from '../errors.ts';
import { Readiness } from './health.ts';
import { type Identity, isAdmitted, type VerifyToken } from './identity.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { openApiOptions } from './openapi.ts';
import { probeRoutes } from './probes.ts';
import { problemContentType, toAppError, toProblem } from './problem.ts';
import { acceptRequestId, acceptTraceparent, runWithTrace, type Trace } from './trace.ts';
import { installValidation } from './validation.ts';

declare module 'fastify' {
  interface FastifyInstance {
    readonly readiness: Readiness;
    readonly metrics: Metrics;
    readonly service: ServiceOptions;
  }
  interface FastifyRequest {
    identity: Identity | undefined;
    trace: Trace;
  }
  interface FastifyContextConfig {
    /** Every route carries one, or the service does not start. */
    operationId?: string;
    access?: Access;
    operation?: Operation;
  }
}

export interface ServiceLimits {
  /** Largest JSON body, bytes. */
  readonly bodyBytesMax: number;
  /** Request line and headers together, bytes. */
  readonly headerBytesMax: number;
  /** Time for a whole request to arrive, ms; 0 for streaming services that watch the stream themselves. */
  readonly requestTimeoutMs: number;
  /** Time for the request's head to arrive, ms. */
  readonly headersTimeoutMs: number;
  /** Requests in work at once; more are answered OVERLOADED. */
  readonly requestsInFlightMax: number;
  readonly connectionsMax: number;
}

export const defaultLimits: ServiceLimits = {
  bodyBytesMax: 1024 * 1024,
  headerBytesMax: 16 * 1024,
  requestTimeoutMs: 30_000,
  headersTimeoutMs: 10_000,
  requestsInFlightMax: 1024,
  connectionsMax: 4096,
};

export interface ServiceOptions {
  readonly api: Api;
  readonly version: string;
  readonly logger: Logger;
  /** Verifies bearer tokens; a service of public operations only has none. */
  readonly verifyToken?: VerifyToken;
  readonly limits?: Partial<ServiceLimits>;
  /** Hold every JSON answer to its declared schema (tests do). */
  readonly checkResponses?: boolean;
  /** Whether `/metrics` also reports the process; one service per process does. */
  readonly processMetrics?: boolean;
  /** Runs on every request, known route or not, before its access rule is checked and its body read; throws to refuse. */
  readonly guard?: (request: FastifyRequest, reply: FastifyReply) => Promise<void> | void;
}

/**
 * A Fastify app with what every service of Lucid has: probes, metrics, OpenAPI document, problem+json errors, request
 * ids, limits, and access rules that deny by default. It never listens; see `runtime/run.ts`.
 */
export async function createService(options: ServiceOptions): Promise<FastifyInstance> {
  const limits = { ...defaultLimits, ...options.limits };
  const app = Fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    requestIdHeader: false,
    genReqId: (request) => acceptRequestId(request.headers['x-request-id']),
    bodyLimit: limits.bodyBytesMax,
    requestTimeout: limits.requestTimeoutMs,
    connectionTimeout: 0,
    keepAliveTimeout: 65_000,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    http: {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: Math.min(5_000, limits.headersTimeoutMs),
    },
    routerOptions: { maxParamLength: 1024, ignoreTrailingSlash: false, caseSensitive: true },
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => void answerError(options, request, reply, error),
  }) as unknown as FastifyInstance;
  app.server.maxConnections = limits.connectionsMax;
  app.decorate('readiness', new Readiness());
  app.decorate('metrics', createMetrics(options.api.service, { process: options.processMetrics ?? false }));
  app.decorate('service', options);
  app.decorateRequest('identity', undefined);
  app.decorateRequest('trace', undefined as unknown as Trace);
  installValidation(app);
  // JSON is what is taken unless an operation says otherwise; Fastify would take any text as well.
  app.removeContentTypeParser('text/plain');
  refuseRoutesWithoutAccess(app);
  installErrors(app, options);
  installRequestHooks(app, options.logger, limits.requestsInFlightMax);
  const { guard } = options;
  if (guard) app.addHook('onRequest', async (request, reply) => await guard(request, reply));
  installAccess(app, options.verifyToken);
  await app.register(fastifySwagger, openApiOptions(options.api, options.version));
  probeRoutes(app);
  return app;
}

/** Default deny: a route that does not say who may call it stops the service from starting. */
function refuseRoutesWithoutAccess(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    if (route.config?.access === undefined) {
      throw new Error(`Route ${String(route.method)} ${route.url} declares no access rule`);
    }
  });
}

function answerError(options: ServiceOptions, request: FastifyRequest, reply: FastifyReply, error: unknown) {
  const appError = toAppError(error);
  logFailure(request, appError, error);
  if (appError.retryAfterSec !== undefined) reply.header('retry-after', String(appError.retryAfterSec));
  if (appError.status === 401) reply.header('www-authenticate', 'Bearer');
  return reply
    .code(appError.status)
    .type(problemContentType)
    .serializer((value: unknown) => JSON.stringify(value))
    .send(toProblem(appError, request.id, options.api.errors));
}

function installErrors(app: FastifyInstance, options: ServiceOptions): void {
  const { api, logger } = options;
  app.setErrorHandler((error, request, reply) => answerError(options, request, reply, error));
  app.setNotFoundHandler((request, reply) =>
    answerError(
      options,
      request,
      reply,
      commonError('ROUTE_NOT_FOUND', `There is no ${request.method} ${pathOf(request.url)} here.`),
    ),
  );
  app.addHook('onClose', async () => {
    logger.debug({ service: api.service }, 'closed');
  });
}

/** A fault of ours is logged with its stack; a failure we expected and named, by its name. */
function logFailure(request: FastifyRequest, appError: AppError, error: unknown): void {
  const fields = { requestId: request.id, code: appError.code };
  if (appError.code === 'INTERNAL') request.log.error({ ...fields, err: error }, 'request failed');
  else if (appError.status >= 500) request.log.warn({ ...fields, detail: appError.message }, 'request failed');
}

function installRequestHooks(app: FastifyInstance, logger: Logger, inFlightMax: number): void {
  let inFlight = 0;
  app.addHook('onRequest', (request, reply, done) => {
    request.trace = { requestId: request.id, traceparent: acceptTraceparent(request.headers.traceparent) };
    reply.header('x-request-id', request.id);
    if (app.readiness.isDraining) reply.header('connection', 'close');
    inFlight += 1;
    reply.raw.once('close', () => {
      inFlight -= 1;
    });
    if (inFlight > inFlightMax && request.routeOptions.config.operation !== undefined) {
      done(commonError('OVERLOADED', `More than ${inFlightMax} requests are in work.`, { retryAfterSec: 1 }));
      return;
    }
    runWithTrace(request.trace, done);
  });
  // Every field of the access log is known to be no secret; looking for secrets in it would be a fifth of its cost.
  const accessLogger = logger.child({}, { redact: [] });
  app.addHook('onResponse', (request, reply, done) => {
    const operation = request.routeOptions.config.operationId ?? 'none';
    app.metrics.requestDuration.observe({ operation, status: String(reply.statusCode) }, reply.elapsedTime / 1000);
    accessLogger.info(
      {
        requestId: request.id,
        traceparent: request.trace.traceparent,
        operation,
        method: request.method,
        path: pathOf(request.url),
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime * 10) / 10,
        subject: request.identity?.subject,
      },
      'request',
    );
    done();
  });
}

/** Runs before the body is read: a caller who may not call costs no upload. */
function installAccess(app: FastifyInstance, verifyToken: VerifyToken | undefined): void {
  app.addHook('onRequest', async (request) => {
    const access = request.routeOptions.config.access;
    if (access === undefined) return; // not found: answered as such
    const token = bearerToken(request.headers.authorization);
    if (token === undefined) {
      if (access === 'public') return;
      throw commonError('AUTH_TOKEN_MISSING', 'Send an access token as `Authorization: Bearer …`.');
    }
    if (!verifyToken) {
      if (access === 'public') return;
      throw commonError('AUTH_TOKEN_INVALID', 'This service takes no tokens.');
    }
    request.identity = await verifyToken(token);
    if (isAdmitted(access, request.identity)) return;
    const roles = typeof access === 'object' ? access.roles.join(', ') : '';
    throw commonError('AUTH_ROLE_MISSING', `This operation needs one of the roles: ${roles}.`);
  });
}

/** @throws AUTH_TOKEN_INVALID when there is an Authorization header that is not a bearer token (RFC 6750 §2.1). */
export function bearerToken(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const match = /^Bearer ([A-Za-z0-9\-._~+/]+=*)$/i.exec(header);
  if (!match || header.length > 8192) {
    throw commonError('AUTH_TOKEN_INVALID', 'The Authorization header is not `Bearer <token>`.');
  }
  return match[1];
}

function pathOf(url: string): string {
  const end = url.indexOf('?');
  return (end === -1 ? url : url.slice(0, end)).slice(0, 512);
}

interface ClientError extends Error {
  readonly code: string;
}

/** Bytes that are no HTTP request get an answer too, in the one error shape. */
function answerClientError(
  this: FastifyInstance,
  error: ClientError,
  socket: { writable: boolean; end(text: string): void; destroy(): void },
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [code, detail] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? (['HEADERS_TOO_LARGE', 'The request headers are over the limit.'] as const)
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? (['REQUEST_TIMEOUT', 'The request did not arrive in time.'] as const)
        : (['REQUEST_BODY_MALFORMED', 'This is not a valid HTTP request.'] as const);
  const appError = commonError(code, detail);
  const body = JSON.stringify(toProblem(appError, acceptRequestId(undefined)));
  socket.end(
    `HTTP/1.1 ${appError.status} Error\r\nContent-Type: ${problemContentType}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

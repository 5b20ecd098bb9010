import fastifySwagger from '@fastify/swagger';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import type { Logger } from 'pino';
import type { Access, Api, Operation } from '../apis/api.ts';
import { commonError } from '../apis/error-factory.ts';
import { createIdentify, type Identify, requirePublic, requireRole } from './callers.ts';
import { answerClientError, cutStalledReaders } from './connections.ts';
import { logFailure } from './failures.ts';
import { Readiness } from './health.ts';
import type { Identity, VerifyToken } from './identity.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { openApiOptions } from './openapi.ts';
import { probeRoutes } from './probes.ts';
import { problemContentType, toAppError, toProblem } from './problem.ts';
import { installRequestHooks, pathOf } from './request-hooks.ts';
import { RequestLogger } from './request-logger.ts';
import { acceptRequestId, type Trace } from './trace.ts';
import { Traffic } from './traffic.ts';
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
  /** Time a client may take nothing of an answer that waits for it, ms. */
  readonly stallTimeoutMs: number;
  /** Requests in work at once; more are answered OVERLOADED. */
  readonly requestsInFlightMax: number;
  readonly connectionsMax: number;
}

export const defaultLimits: ServiceLimits = {
  bodyBytesMax: 1024 * 1024,
  headerBytesMax: 16 * 1024,
  requestTimeoutMs: 30_000,
  headersTimeoutMs: 10_000,
  stallTimeoutMs: 60_000,
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
    childLoggerFactory: (_logger, bindings) => new RequestLogger(options.logger, bindings),
    frameworkErrors: (error, request, reply) => void answerError(options, request, reply, error),
  }) as unknown as FastifyInstance;
  app.server.maxConnections = limits.connectionsMax;
  cutStalledReaders(app.server, limits.stallTimeoutMs);
  app.decorate('readiness', new Readiness());
  const metrics = createMetrics(options.api.service, { process: options.processMetrics ?? false });
  const identify = createIdentify(options.verifyToken);
  const traffic = new Traffic({ identify, limits, metrics, logger: options.logger });
  app.decorate('metrics', metrics);
  app.decorate('traffic', traffic);
  app.decorate('service', options);
  app.decorateRequest('identity', undefined);
  app.decorateRequest('trace', undefined as unknown as Trace);
  installValidation(app);
  // JSON is what is taken unless an operation says otherwise; Fastify would take any text as well.
  app.removeContentTypeParser('text/plain');
  refuseRoutesWithoutAccess(app);
  installErrors(app, options);
  installRequestHooks(app, traffic);
  const { guard } = options;
  if (guard) app.addHook('onRequest', async (request, reply) => await guard(request, reply));
  installAccess(app, identify);
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
  const appError = isBrokenOff(request, error)
    ? commonError('REQUEST_BODY_MALFORMED', 'The request broke off.', { cause: error })
    : toAppError(error);
  logFailure(request.log, request.id, appError, error);
  keepNowhere(request, reply);
  if (appError.retryAfterSec !== undefined) reply.header('retry-after', String(appError.retryAfterSec));
  if (appError.status === 401) reply.header('www-authenticate', 'Bearer');
  return reply
    .code(appError.status)
    .type(problemContentType)
    .serializer((value: unknown) => JSON.stringify(value))
    .send(toProblem(appError, request.id, options.api.errors));
}

/** A failure is not what the handler was about to say how long to keep; nor is what is not there yet to be kept. */
function keepNowhere({ method }: FastifyRequest, reply: FastifyReply): void {
  for (const name of ['etag', 'last-modified', 'content-encoding', 'cache-control']) reply.removeHeader(name);
  if (method === 'GET' || method === 'HEAD') reply.header('cache-control', 'no-store');
}

/** Whether the client went away in the middle of its body; the same code from a store or a service is a fault. */
function isBrokenOff({ raw }: FastifyRequest, error: unknown): boolean {
  return !raw.complete && raw.destroyed && error instanceof Error && 'code' in error && error.code === 'ECONNRESET';
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

/** Runs before the body is read: a caller who may not call costs no upload. */
function installAccess(app: FastifyInstance, identify: Identify): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const access = request.routeOptions.config.access;
    if (access === undefined) return done(); // not found: answered as such
    const admit = (identity: Identity): void => {
      request.identity = identity;
      requireRole(access, identity);
    };
    try {
      const identity = identify(request.raw.socket, request.headers.authorization);
      if (identity instanceof Promise) return void identity.then(admit).then(() => done(), done);
      if (identity) admit(identity);
      else requirePublic(access, request.headers.authorization);
    } catch (error) {
      return done(error as Error);
    }
    return done();
  });
}

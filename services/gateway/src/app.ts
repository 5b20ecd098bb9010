import { type GatewayFamily, gatewayApi } from '@lucid/common/apis/gateway';
import type { HealthCheck } from '@lucid/common/http/health';
import type { VerifyToken } from '@lucid/common/http/identity';
import { assertComplete } from '@lucid/common/http/implement';
import { createAddressClassifier, type RateLimiter } from '@lucid/common/http/rate-limit';
import { createService } from '@lucid/common/http/service';
import type { Logger } from '@lucid/common/runtime/logger';
import type { FastifyInstance } from 'fastify';
import type { RouteTable } from './domain/route-table.ts';
import { Slots } from './domain/slots.ts';
import type { Upstream } from './domain/upstream.ts';
import { forwardRoutes } from './routes/forward.ts';
import { createGuard, type GuardOptions, installSubjectLimits } from './routes/guard.ts';
import { statusRoutes } from './routes/status.ts';

export interface GatewayDeps {
  readonly version: string;
  readonly logger: Logger;
  readonly verifyToken: VerifyToken;
  readonly table: RouteTable;
  readonly upstreams: Readonly<Record<GatewayFamily, Upstream>>;
  readonly limiter: RateLimiter;
  /** The quota of one subject or address, as it stands now. */
  readonly requestsPerMinute: () => number;
  readonly checks: Readonly<Record<string, HealthCheck>>;
}

export interface GatewayOptions {
  readonly requestsInFlightMax: number;
  readonly clientRequestsInFlightMax: number;
  readonly headersTimeoutMs: number;
  readonly sharedAddresses: readonly string[];
  readonly sharedAddressFactor: number;
  readonly corsOrigins: readonly string[];
}

/** The gateway's app. It never listens. */
export async function buildApp(deps: GatewayDeps, options: GatewayOptions): Promise<FastifyInstance> {
  const limits: GuardOptions = {
    table: deps.table,
    ownRoutes: [{ method: 'GET', path: gatewayApi.operations.getStatus.path }],
    limiter: deps.limiter,
    classOf: createAddressClassifier(options.sharedAddresses),
    requestsPerMinute: deps.requestsPerMinute,
    sharedAddressFactor: options.sharedAddressFactor,
    slots: new Slots(),
    clientRequestsInFlightMax: options.clientRequestsInFlightMax,
    corsOrigins: new Set(options.corsOrigins),
  };
  const app = await createService({
    api: gatewayApi,
    version: deps.version,
    logger: deps.logger,
    verifyToken: deps.verifyToken,
    guard: createGuard(limits),
    limits: {
      // Bodies are watched as they stream: a 64 MiB upload over Tor takes its time.
      requestTimeoutMs: 0,
      headersTimeoutMs: options.headersTimeoutMs,
      requestsInFlightMax: options.requestsInFlightMax,
    },
  });
  for (const [name, check] of Object.entries(deps.checks)) app.readiness.add(name, check);
  continueOnlyAdmitted(app);
  installSubjectLimits(app, limits);
  await statusRoutes(app, deps);
  await forwardRoutes(app, deps.table, deps.upstreams);
  assertComplete(app, gatewayApi);
  return app;
}

/** `Expect: 100-continue` is answered by the forwarding route, so that a refused request costs no upload. */
function continueOnlyAdmitted(app: FastifyInstance): void {
  app.server.on('checkContinue', (request, response) => void app.server.emit('request', request, response));
}

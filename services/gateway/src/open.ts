import { type GatewayFamily, gatewayFamilies } from '@lucid/common/apis/gateway';
import type { CircuitState } from '@lucid/common/http/circuit-breaker';
import { createIdentity } from '@lucid/common/http/identity-config';
import { MemoryRateLimiter } from '@lucid/common/http/rate-limit';
import { livenessOf } from '@lucid/common/http/service-client';
import type { OpenService, ServiceContext } from '@lucid/common/runtime/run';
import { version } from '@lucid/common/runtime/version';
import type { FastifyInstance } from 'fastify';
import { Counter, Gauge } from 'prom-client';
import { buildApp } from './app.ts';
import { GovernedLimit } from './clients/governed-limit.ts';
import { HttpUpstream } from './clients/upstream.ts';
import { type GatewayConfig, listOf } from './config.ts';
import { compileRoutes } from './domain/route-table.ts';
import { familyApis } from './families.ts';

/** Opens the gateway: connections to the services, the governed limit, the app. Disposing closes all in reverse. */
export async function openGateway(
  config: GatewayConfig,
  { logger, clock }: ServiceContext,
): Promise<OpenService & { readonly app: FastifyInstance }> {
  await using stack = new AsyncDisposableStack();
  const { verifyToken, issueToken } = createIdentity('gateway', config);
  const urls = urlsOf(config);
  let onRetry = (_service: string): void => undefined;
  const upstreams = mapFamilies((family) => {
    const service = gatewayFamilies[family];
    return stack.use(
      new HttpUpstream({
        service,
        baseUrl: urls[family],
        connectionsMax: config.upstreamConnectionsMax,
        connectTimeoutMs: config.connectTimeoutMs,
        timeouts: {
          firstByteMs: config.firstByteTimeoutMs,
          idleMs: config.idleTimeoutMs,
          totalMs: config.totalTimeoutMs,
        },
        circuitFailuresMax: config.circuitFailuresMax,
        circuitOpenMs: config.circuitOpenMs,
        onRetry: () => onRetry(service),
      }),
    );
  });
  const governed = stack.use(
    new GovernedLimit({
      baseUrl: config.blockchainApiUrl,
      issueToken,
      intervalMs: config.paramsIntervalMs,
      fallback: config.requestsPerMinute,
      clock,
      logger,
    }),
  );
  const app = await buildApp(
    {
      version,
      logger,
      verifyToken,
      table: compileRoutes(familyApis),
      upstreams,
      limiter: new MemoryRateLimiter(),
      requestsPerMinute: () => governed.value,
      checks: Object.fromEntries(
        Object.values(upstreams).map(({ service, baseUrl }) => [service, livenessOf(service, baseUrl)]),
      ),
    },
    {
      requestsInFlightMax: config.requestsInFlightMax,
      clientRequestsInFlightMax: config.clientRequestsInFlightMax,
      headersTimeoutMs: config.headersTimeoutMs,
      sharedAddresses: listOf(config.sharedAddresses),
      sharedAddressFactor: config.sharedAddressFactor,
      corsOrigins: listOf(config.corsOrigins),
    },
  );
  stack.defer(async () => {
    await app.close();
  });
  onRetry = installMetrics(app, Object.values(upstreams));
  const opened = stack.move();
  return { app, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

function mapFamilies<T>(make: (family: GatewayFamily) => T): Record<GatewayFamily, T> {
  const families = Object.keys(gatewayFamilies) as GatewayFamily[];
  return Object.fromEntries(families.map((family) => [family, make(family)])) as Record<GatewayFamily, T>;
}

function urlsOf(config: GatewayConfig): Record<GatewayFamily, string> {
  return {
    identity: config.apiUrl,
    sessions: config.sessionsUrl,
    ledger: config.ledgerUrl,
    chain: config.blockchainApiUrl,
    governance: config.governanceUrl,
  };
}

const circuitValues: Readonly<Record<CircuitState, number>> = { closed: 0, 'half-open': 1, open: 2 };

/** Upstreams in `/metrics`. @returns counts a retry */
function installMetrics(app: FastifyInstance, upstreams: readonly HttpUpstream[]): (service: string) => void {
  const registers = [app.metrics.registry];
  const retries = new Counter({
    name: 'gateway_retries_total',
    help: 'Requests sent once more after the upstream broke off before its answer',
    labelNames: ['upstream'],
    registers,
  });
  const gauge = (name: string, help: string, read: (upstream: HttpUpstream) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['upstream'],
      registers,
      collect() {
        for (const upstream of upstreams) this.set({ upstream: upstream.service }, read(upstream));
      },
    });
  gauge(
    'gateway_upstream_circuit',
    'Circuit breaker: 0 closed, 1 half-open, 2 open',
    ({ circuit }) => circuitValues[circuit],
  );
  gauge(
    'gateway_upstream_requests_in_flight',
    'Requests in work at the upstream',
    (upstream) => upstream.requestsInFlight,
  );
  return (service) => retries.inc({ upstream: service });
}

import { gatewayFamilies } from '@lucid/common/apis/gateway';
import { MemoryRateLimiter } from '@lucid/common/http/rate-limit';
import { createLogger } from '@lucid/common/runtime/logger';
import { createTestIdentity, type TestIdentity } from '../../../../test/support/identity.ts';
import { buildApp, type GatewayOptions } from '../../src/app.ts';
import { HttpUpstream, type UpstreamOptions } from '../../src/clients/upstream.ts';
import { compileRoutes, type FamilyApi } from '../../src/domain/route-table.ts';
import { familyApis } from '../../src/families.ts';

export interface TestGateway extends AsyncDisposable {
  readonly url: string;
  readonly identity: TestIdentity;
  readonly upstream: HttpUpstream;
  readonly retries: { count: number };
}

export interface TestGatewayOptions extends Partial<GatewayOptions> {
  readonly upstreamUrl: string;
  readonly families?: readonly FamilyApi[];
  readonly requestsPerMinute?: () => number;
  readonly upstream?: Partial<UpstreamOptions>;
}

/** The gateway's app over one real upstream that stands for every service. */
export async function openTestGateway(options: TestGatewayOptions): Promise<TestGateway> {
  const identity = createTestIdentity();
  const retries = { count: 0 };
  const upstream = new HttpUpstream({
    service: 'upstream',
    baseUrl: options.upstreamUrl,
    connectionsMax: 16,
    connectTimeoutMs: 1000,
    timeouts: { firstByteMs: 5000, idleMs: 5000, totalMs: 20_000 },
    circuitFailuresMax: 1000,
    circuitOpenMs: 60_000,
    onRetry: () => {
      retries.count += 1;
    },
    ...options.upstream,
  });
  const families = Object.keys(gatewayFamilies).map((family) => [family, upstream]);
  const app = await buildApp(
    {
      version: '1.2.3',
      logger: createLogger({ name: 'gateway', level: 'silent' }),
      verifyToken: identity.verifier('gateway'),
      table: compileRoutes(options.families ?? familyApis),
      upstreams: Object.fromEntries(families) as Parameters<typeof buildApp>[0]['upstreams'],
      limiter: new MemoryRateLimiter(),
      requestsPerMinute: options.requestsPerMinute ?? (() => 100_000),
      checks: {},
    },
    {
      requestsInFlightMax: 256,
      clientRequestsInFlightMax: 64,
      headersTimeoutMs: 10_000,
      sharedAddresses: [],
      sharedAddressFactor: 10,
      corsOrigins: [],
      ...options,
    },
  );
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  return {
    url,
    identity,
    upstream,
    retries,
    [Symbol.asyncDispose]: async () => {
      app.server.closeAllConnections();
      await app.close();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

/** A session's id and chunk that pass as paths; no service behind these tests knows it. */
export const chunkPath = '/api/v1/sessions/sessions/6f1f54a6-0f0a-4c8e-9a3e-0d7d3cf2f0aa/chunks/0';

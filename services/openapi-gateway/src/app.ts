import type { GatewayStatus } from '@lucid/common/apis/gateway';
import { openapiGatewayApi } from '@lucid/common/apis/openapi';
import { assertComplete } from '@lucid/common/http/implement';
import { createAddressClassifier, type RateLimiter } from '@lucid/common/http/rate-limit';
import { createService } from '@lucid/common/http/service';
import type { Logger } from '@lucid/common/runtime/logger';
import type { FastifyInstance } from 'fastify';
import type { Assets, Documents } from './domain/content.ts';
import { securityHeaders } from './domain/security-headers.ts';
import { createAnswer } from './routes/answer.ts';
import { documentRoutes } from './routes/documents.ts';
import { createGuard } from './routes/guard.ts';
import { pageRoutes } from './routes/pages.ts';

export interface OpenapiGatewayDeps {
  readonly version: string;
  readonly logger: Logger;
  readonly assets: Assets;
  readonly documents: Documents;
  readonly gatewayStatus: () => Promise<GatewayStatus>;
  readonly limiter: RateLimiter;
}

export interface OpenapiGatewayOptions {
  /** The gateway as browsers see it. */
  readonly gatewayUrl: string;
  readonly requestsPerMinute: number;
  readonly sharedAddresses: readonly string[];
  readonly sharedAddressFactor: number;
}

/** openapi-gateway's app. It never listens. */
export async function buildApp(deps: OpenapiGatewayDeps, options: OpenapiGatewayOptions): Promise<FastifyInstance> {
  const app = await createService({
    api: openapiGatewayApi,
    version: deps.version,
    logger: deps.logger,
    guard: createGuard({
      headers: securityHeaders(options.gatewayUrl),
      limiter: deps.limiter,
      classOf: createAddressClassifier(options.sharedAddresses),
      requestsPerMinute: options.requestsPerMinute,
      sharedAddressFactor: options.sharedAddressFactor,
    }),
    limits: { bodyBytesMax: 1024, requestsInFlightMax: 256 },
  });
  const parts = { ...deps, gatewayUrl: options.gatewayUrl, answer: createAnswer() };
  await pageRoutes(app, parts);
  await documentRoutes(app, parts);
  assertComplete(app, openapiGatewayApi);
  return app;
}

import { MemoryRateLimiter } from '@lucid/common/http/rate-limit';
import { livenessOf } from '@lucid/common/http/service-client';
import type { OpenService, ServiceContext } from '@lucid/common/runtime/run';
import { version } from '@lucid/common/runtime/version';
import type { FastifyInstance } from 'fastify';
import { buildApp } from './app.ts';
import { createGatewayStatus } from './clients/gateway-status.ts';
import { OpenapiServer } from './clients/openapi-server.ts';
import type { OpenapiGatewayConfig } from './config.ts';
import { readAssets } from './store/asset-files.ts';

/** Opens openapi-gateway: its files, its clients, the app. */
export async function openOpenapiGateway(
  config: OpenapiGatewayConfig,
  { logger }: ServiceContext,
): Promise<OpenService & { readonly app: FastifyInstance }> {
  const app = await buildApp(
    {
      version,
      logger,
      assets: readAssets(),
      documents: new OpenapiServer({
        baseUrl: config.openapiServerUrl,
        lifeMs: config.documentLifeMs,
        timeoutMs: config.readTimeoutMs,
      }),
      gatewayStatus: createGatewayStatus(config.gatewayUrl, config.readTimeoutMs),
      limiter: new MemoryRateLimiter(),
    },
    {
      gatewayUrl: config.gatewayPublicUrl ?? config.gatewayUrl,
      requestsPerMinute: config.requestsPerMinute,
      sharedAddresses: (config.sharedAddresses ?? '').split(',').flatMap((entry) => entry.trim() || []),
      sharedAddressFactor: config.sharedAddressFactor,
    },
  );
  app.readiness.add('openapi-server', livenessOf('openapi-server', config.openapiServerUrl));
  return {
    app,
    [Symbol.asyncDispose]: async () => {
      await app.close();
    },
  };
}

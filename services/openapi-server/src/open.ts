import { createIdentity } from '@lucid/common/http/identity-config';
import { formatTime } from '@lucid/common/runtime/clock';
import type { OpenService, ServiceContext } from '@lucid/common/runtime/run';
import { version } from '@lucid/common/runtime/version';
import type { FastifyInstance } from 'fastify';
import { buildApp } from './app.ts';
import { serviceDocument } from './clients/service-document.ts';
import type { OpenapiServerConfig } from './config.ts';
import { type DocumentSource, Library } from './domain/library.ts';
import { Refresher } from './refresher.ts';
import { FileDocumentStore } from './store/file-document-store.ts';

/** Opens openapi-server: the documents kept, the worker that reads them, the app. */
export async function openOpenapiServer(
  config: OpenapiServerConfig,
  { logger, clock }: ServiceContext,
): Promise<OpenService & { readonly app: FastifyInstance }> {
  await using stack = new AsyncDisposableStack();
  let app: FastifyInstance | undefined;
  const library = await Library.open(
    sourcesOf(config, async () => (await app?.inject('/openapi.json'))?.body ?? ''),
    await FileDocumentStore.open(config.dataDir),
    {
      version,
      gatewayUrl: config.gatewayPublicUrl ?? config.gatewayUrl,
      docsUrl: config.docsPublicUrl ?? config.openapiGatewayUrl,
    },
    () => formatTime(clock.now()),
  );
  let refresher: Refresher | undefined;
  app = await buildApp({
    version,
    logger,
    library,
    verifyToken: createIdentity('openapi-server', config).verifyToken,
    firstRefresh: async () => await refresher?.first,
  });
  const opened = app;
  await opened.ready();
  stack.defer(async () => {
    await opened.close();
  });
  refresher = stack.use(new Refresher({ library, intervalMs: config.refreshIntervalMs, clock, logger }));
  const resources = stack.move();
  return { app: opened, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

/** The nine services, in the order the merged document shows them. Its own document needs no network. */
function sourcesOf(config: OpenapiServerConfig, own: () => Promise<string>): DocumentSource[] {
  const over = (service: string, url: string) => serviceDocument(service, url, config.readTimeoutMs);
  return [
    over('api', config.apiUrl),
    over('sessions', config.sessionsUrl),
    over('ledger', config.ledgerUrl),
    over('blockchain-api', config.blockchainApiUrl),
    over('governance', config.governanceUrl),
    over('gateway', config.gatewayUrl),
    over('openapi-gateway', config.openapiGatewayUrl),
    { service: 'openapi-server', read: own },
    over('vm', config.vmUrl),
  ];
}

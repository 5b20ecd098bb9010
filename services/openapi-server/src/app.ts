import { openapiServerApi } from '@lucid/common/apis/openapi';
import type { VerifyToken } from '@lucid/common/http/identity';
import { assertComplete } from '@lucid/common/http/implement';
import { createService } from '@lucid/common/http/service';
import type { Logger } from '@lucid/common/runtime/logger';
import type { FastifyInstance } from 'fastify';
import type { Library } from './domain/library.ts';
import { documentRoutes } from './routes/documents.ts';

export interface OpenapiServerDeps {
  readonly version: string;
  readonly logger: Logger;
  readonly verifyToken: VerifyToken;
  readonly library: Library;
  /** Resolves once the documents were read for the first time. */
  readonly firstRefresh: () => Promise<void>;
}

/** openapi-server's app. It never listens. */
export async function buildApp(deps: OpenapiServerDeps): Promise<FastifyInstance> {
  const { version, logger, verifyToken, library, firstRefresh } = deps;
  const app = await createService({ api: openapiServerApi, version, logger, verifyToken });
  app.readiness.add('documents', firstRefresh);
  await documentRoutes(app, library);
  assertComplete(app, openapiServerApi);
  return app;
}

import { governanceApi } from '@lucid/common/apis/governance';
import type { VerifyToken } from '@lucid/common/http/identity';
import { assertComplete } from '@lucid/common/http/implement';
import { createService, type ServiceOptions } from '@lucid/common/http/service';
import type { Logger } from '@lucid/common/runtime/logger';
import type { FastifyInstance } from 'fastify';
import type { Governance } from './domain/governance.ts';
import { proposalRoutes } from './routes/proposals.ts';
import { ruleRoutes } from './routes/rules.ts';
import { voteRoutes } from './routes/votes.ts';

/** What governance is made of, ready to use. */
export interface GovernanceDeps {
  readonly governance: Governance;
  readonly verifyToken: VerifyToken;
  readonly logger: Logger;
}

/** The service's HTTP app; it never listens. */
export async function buildApp(
  deps: GovernanceDeps,
  options: Pick<ServiceOptions, 'checkResponses'> = {},
): Promise<FastifyInstance> {
  const { governance, logger, verifyToken } = deps;
  const app = await createService({ api: governanceApi, version: '0.1.0', logger, verifyToken, ...options });
  await ruleRoutes(app, governance);
  await proposalRoutes(app, governance);
  await voteRoutes(app, governance);
  assertComplete(app, governanceApi);
  return app;
}

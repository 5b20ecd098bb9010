import { tunnelsApi } from '@lucid/common/apis/tunnels';
import type { VerifyToken } from '@lucid/common/http/identity';
import { assertComplete } from '@lucid/common/http/implement';
import { createService, type ServiceOptions } from '@lucid/common/http/service';
import type { Logger } from '@lucid/common/runtime/logger';
import type { FastifyInstance } from 'fastify';
import { clientRoutes } from './routes/clients.ts';
import { type ProbeDeps, probeRoutes } from './routes/probes.ts';
import { type StateDeps, stateRoutes } from './routes/state.ts';
import { type TunnelDeps, tunnelRoutes } from './routes/tunnels.ts';

/** What tunnel-tools is made of, ready to use. */
export interface TunnelToolsDeps extends TunnelDeps, ProbeDeps, StateDeps {
  readonly verifyToken: VerifyToken;
  readonly logger: Logger;
}

/** tunnel-tools' app. It never listens. */
export async function buildApp(
  deps: TunnelToolsDeps,
  options: Pick<ServiceOptions, 'checkResponses'> = {},
): Promise<FastifyInstance> {
  const { version, logger, verifyToken, tunnels } = deps;
  const app = await createService({ api: tunnelsApi, version, logger, verifyToken, ...options });
  await tunnelRoutes(app, deps);
  await clientRoutes(app, tunnels);
  await probeRoutes(app, deps);
  await stateRoutes(app, deps);
  assertComplete(app, tunnelsApi);
  return app;
}

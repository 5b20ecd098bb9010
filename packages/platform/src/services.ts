import { configSchema as apiSchema } from '@lucid/api/config';
import { openApi } from '@lucid/api/open';
import { configSchema as blockchainApiSchema } from '@lucid/blockchain-api/config';
import { openBlockchainApi } from '@lucid/blockchain-api/open';
// Brings in what createService adds to a Fastify app.
import '@lucid/common/http/service';
import type { Clock } from '@lucid/common/runtime/clock';
import { type Config, type ConfigSchema, type Environment, loadConfig } from '@lucid/common/runtime/config';
import type { Logger } from '@lucid/common/runtime/logger';
import { type OpenService, type RunningService, type ServiceContext, startService } from '@lucid/common/runtime/run';
import type { ServiceConfig } from '@lucid/common/runtime/service-config';
import { configSchema as gatewaySchema } from '@lucid/gateway/config';
import { openGateway } from '@lucid/gateway/open';
import { configSchema as governanceSchema } from '@lucid/governance/config';
import { openGovernance } from '@lucid/governance/open';
import { configSchema as ledgerSchema } from '@lucid/ledger/config';
import { openLedger } from '@lucid/ledger/open';
import { configSchema as openapiGatewaySchema } from '@lucid/openapi-gateway/config';
import { openOpenapiGateway } from '@lucid/openapi-gateway/open';
import { configSchema as openapiServerSchema } from '@lucid/openapi-server/config';
import { openOpenapiServer } from '@lucid/openapi-server/open';
import { configSchema as sessionsSchema } from '@lucid/sessions/config';
import { openSessions } from '@lucid/sessions/open';
import { configSchema as vmSchema } from '@lucid/vm/config';
import { openVm } from '@lucid/vm/open';
import type { ServiceName } from './ports.ts';

/** What a service needs of the process it runs in. */
export interface ServiceParts {
  readonly logger: Logger;
  readonly clock?: Clock;
}

/** Starts one service from its variables. */
export type StartService = (env: Environment, parts: ServiceParts) => Promise<RunningService>;

function define<S extends ConfigSchema>(
  name: ServiceName,
  schema: S,
  open: (config: Config<S> & ServiceConfig, context: ServiceContext) => Promise<OpenService>,
): StartService {
  return async (env, { logger, clock }) => {
    const config = loadConfig(schema, env) as Config<S> & ServiceConfig;
    const parts = { logger: logger.child({ service: name }), ...(clock ? { clock } : {}) };
    return await startService({ name, open }, config, parts);
  };
}

/** The nine services, as their own `main.ts` would start them. */
export const starters: Readonly<Record<ServiceName, StartService>> = {
  ledger: define('ledger', ledgerSchema, openLedger),
  api: define('api', apiSchema, openApi),
  vm: define('vm', vmSchema, openVm),
  'blockchain-api': define('blockchain-api', blockchainApiSchema, openBlockchainApi),
  governance: define('governance', governanceSchema, openGovernance),
  sessions: define('sessions', sessionsSchema, openSessions),
  gateway: define('gateway', gatewaySchema, openGateway),
  'openapi-server': define('openapi-server', openapiServerSchema, openOpenapiServer),
  'openapi-gateway': define('openapi-gateway', openapiGatewaySchema, openOpenapiGateway),
};

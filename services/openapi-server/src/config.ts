import { identityVariables } from '@lucid/common/http/identity-config';
import { type Config, defineConfig } from '@lucid/common/runtime/config';
import { type ServiceConfig, serviceVariables } from '@lucid/common/runtime/service-config';

const service = <const N extends string>(name: N, port: number, doc: string) =>
  ({ name, type: 'url', default: `http://127.0.0.1:${port}`, doc }) as const;

/** openapi-server's variables. */
export const configSchema = defineConfig({
  ...serviceVariables('OPENAPI_SERVER', 8081),
  ...identityVariables,
  dataDir: {
    name: 'OPENAPI_SERVER_DATA_DIR',
    type: 'path',
    default: '/var/lib/openapi-server',
    doc: 'Folder of the last good documents',
  },
  openapiGatewayUrl: service('OPENAPI_GATEWAY_URL', 8080, 'Where openapi-gateway listens'),
  gatewayUrl: service('GATEWAY_URL', 8082, 'Where gateway listens'),
  apiUrl: service('API_URL', 8083, 'Where api listens'),
  blockchainApiUrl: service('BLOCKCHAIN_API_URL', 8084, 'Where blockchain-api listens'),
  governanceUrl: service('GOVERNANCE_URL', 8085, 'Where governance listens'),
  ledgerUrl: service('LEDGER_URL', 8086, 'Where ledger listens'),
  sessionsUrl: service('SESSIONS_URL', 8087, 'Where sessions listens'),
  vmUrl: service('VM_URL', 8088, 'Where vm listens'),
  gatewayPublicUrl: {
    name: 'GATEWAY_PUBLIC_URL',
    type: 'url',
    optional: true,
    doc: "The gateway's address as clients see it, named in the document; `GATEWAY_URL` without it",
  },
  docsPublicUrl: {
    name: 'OPENAPI_GATEWAY_PUBLIC_URL',
    type: 'url',
    optional: true,
    doc: "The documentation's address as readers see it; `OPENAPI_GATEWAY_URL` without it",
  },
  refreshIntervalMs: {
    name: 'OPENAPI_SERVER_REFRESH_INTERVAL_MS',
    type: 'durationMs',
    default: 15_000,
    min: 100,
    doc: 'How often the documents are read again; every second while one is not current',
  },
  readTimeoutMs: {
    name: 'OPENAPI_SERVER_READ_TIMEOUT_MS',
    type: 'durationMs',
    default: 3000,
    min: 50,
    doc: 'Time a service may take to answer its document',
  },
});

export type OpenapiServerConfig = Config<typeof configSchema> & ServiceConfig;

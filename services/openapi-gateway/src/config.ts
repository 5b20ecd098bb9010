import { type Config, defineConfig } from '@lucid/common/runtime/config';
import { type ServiceConfig, serviceVariables } from '@lucid/common/runtime/service-config';

/** openapi-gateway's variables. */
export const configSchema = defineConfig({
  ...serviceVariables('OPENAPI_GATEWAY', 8080),
  openapiServerUrl: {
    name: 'OPENAPI_SERVER_URL',
    type: 'url',
    default: 'http://127.0.0.1:8081',
    doc: 'Where openapi-server listens',
  },
  gatewayUrl: {
    name: 'GATEWAY_URL',
    type: 'url',
    default: 'http://127.0.0.1:8082',
    doc: 'Where gateway listens',
  },
  gatewayPublicUrl: {
    name: 'GATEWAY_PUBLIC_URL',
    type: 'url',
    optional: true,
    doc: "The gateway's address as browsers see it, the only one pages may call; `GATEWAY_URL` without it",
  },
  requestsPerMinute: {
    name: 'OPENAPI_GATEWAY_REQUESTS_PER_MINUTE',
    type: 'integer',
    default: 600,
    min: 1,
    doc: 'Requests one address may send',
  },
  sharedAddresses: {
    name: 'OPENAPI_GATEWAY_SHARED_ADDRESSES',
    type: 'string',
    optional: true,
    doc: 'Addresses and CIDR ranges, comma separated, each of which many readers share: the onion proxy, a bridge',
  },
  sharedAddressFactor: {
    name: 'OPENAPI_GATEWAY_SHARED_ADDRESS_FACTOR',
    type: 'integer',
    default: 50,
    min: 1,
    max: 10_000,
    doc: "How many times one reader's limit a shared address has",
  },
  documentLifeMs: {
    name: 'OPENAPI_GATEWAY_DOCUMENT_LIFE_MS',
    type: 'durationMs',
    default: 2000,
    doc: 'How long a document is shown before openapi-server is asked whether it changed',
  },
  readTimeoutMs: {
    name: 'OPENAPI_GATEWAY_READ_TIMEOUT_MS',
    type: 'durationMs',
    default: 2000,
    min: 50,
    doc: 'Time openapi-server and gateway may take to answer; then the last known is shown',
  },
});

export type OpenapiGatewayConfig = Config<typeof configSchema> & ServiceConfig;

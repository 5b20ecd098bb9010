import { identityVariables } from '@lucid/common/http/identity-config';
import { type Config, defineConfig } from '@lucid/common/runtime/config';
import { type ServiceConfig, serviceVariables } from '@lucid/common/runtime/service-config';

const upstream = <const N extends string>(name: N, port: number, doc: string) =>
  ({ name, type: 'url', default: `http://127.0.0.1:${port}`, doc }) as const;

/** The gateway's variables. */
export const configSchema = defineConfig({
  ...serviceVariables('GATEWAY', 8082),
  ...identityVariables,
  apiUrl: upstream('API_URL', 8083, 'Where api listens: /api/v1/identity'),
  sessionsUrl: upstream('SESSIONS_URL', 8087, 'Where sessions listens: /api/v1/sessions'),
  ledgerUrl: upstream('LEDGER_URL', 8086, 'Where ledger listens: /api/v1/ledger'),
  blockchainApiUrl: upstream('BLOCKCHAIN_API_URL', 8084, 'Where blockchain-api listens: /api/v1/chain'),
  governanceUrl: upstream('GOVERNANCE_URL', 8085, 'Where governance listens: /api/v1/governance'),
  requestsPerMinute: {
    name: 'GATEWAY_REQUESTS_PER_MINUTE',
    type: 'integer',
    default: 3000,
    min: 1,
    doc: 'Requests one token subject or address may send, until the governed `gatewayRequestsPerMinute` is known',
  },
  paramsIntervalMs: {
    name: 'GATEWAY_PARAMS_INTERVAL_MS',
    type: 'durationMs',
    default: 2000,
    min: 50,
    max: 60_000,
    doc: 'How often the governed parameter is read',
  },
  sharedAddresses: {
    name: 'GATEWAY_SHARED_ADDRESSES',
    type: 'string',
    optional: true,
    doc: 'Addresses and CIDR ranges, comma separated, each of which many clients share: the onion proxy, a bridge',
  },
  sharedAddressFactor: {
    name: 'GATEWAY_SHARED_ADDRESS_FACTOR',
    type: 'integer',
    default: 50,
    min: 1,
    max: 10_000,
    doc: 'How many times the limits of one client a shared address has',
  },
  corsOrigins: {
    name: 'GATEWAY_CORS_ORIGINS',
    type: 'string',
    optional: true,
    doc: 'Origins, comma separated, whose pages may call the gateway from a browser; none when empty',
  },
  requestsInFlightMax: {
    name: 'GATEWAY_REQUESTS_IN_FLIGHT_MAX',
    type: 'integer',
    default: 512,
    min: 1,
    doc: 'Requests in work at once; more are answered OVERLOADED',
  },
  clientRequestsInFlightMax: {
    name: 'GATEWAY_CLIENT_REQUESTS_IN_FLIGHT_MAX',
    type: 'integer',
    default: 64,
    min: 1,
    doc: 'Requests in work at once for one token subject or address',
  },
  upstreamConnectionsMax: {
    name: 'GATEWAY_UPSTREAM_CONNECTIONS_MAX',
    type: 'integer',
    default: 128,
    min: 1,
    doc: 'Connections to one service, kept alive between requests; also its requests in work at once',
  },
  headersTimeoutMs: {
    name: 'GATEWAY_HEADERS_TIMEOUT_MS',
    type: 'durationMs',
    default: 10_000,
    min: 100,
    doc: "Time for a client's request head to arrive",
  },
  connectTimeoutMs: {
    name: 'GATEWAY_CONNECT_TIMEOUT_MS',
    type: 'durationMs',
    default: 2000,
    min: 50,
    doc: 'Time to connect to a service',
  },
  firstByteTimeoutMs: {
    name: 'GATEWAY_FIRST_BYTE_TIMEOUT_MS',
    type: 'durationMs',
    default: 30_000,
    min: 50,
    doc: 'Time a service may take from the end of the request to the head of its answer',
  },
  idleTimeoutMs: {
    name: 'GATEWAY_IDLE_TIMEOUT_MS',
    type: 'durationMs',
    default: 60_000,
    min: 50,
    doc: 'Longest pause in a body, either way',
  },
  totalTimeoutMs: {
    name: 'GATEWAY_TOTAL_TIMEOUT_MS',
    type: 'durationMs',
    default: 3_600_000,
    min: 50,
    doc: 'Longest time for one request in all',
  },
  circuitFailuresMax: {
    name: 'GATEWAY_CIRCUIT_FAILURES_MAX',
    type: 'integer',
    default: 5,
    min: 1,
    doc: 'Failures of a service in a row that open its circuit breaker',
  },
  circuitOpenMs: {
    name: 'GATEWAY_CIRCUIT_OPEN_MS',
    type: 'durationMs',
    default: 2000,
    min: 50,
    doc: 'How long an open circuit refuses before one request probes the service',
  },
});

export type GatewayConfig = Config<typeof configSchema> & ServiceConfig;

/** The parts of a comma-separated list, trimmed. */
export function listOf(text = ''): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
}

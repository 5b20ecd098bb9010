import Type, { type Static } from 'typebox';
import { defineApi, type ErrorCatalogue } from './api.ts';
import { strictObject } from './schemas.ts';

/** The families of paths the gateway forwards, and the service behind each. */
export const gatewayFamilies = {
  identity: 'api',
  sessions: 'sessions',
  ledger: 'ledger',
  chain: 'blockchain-api',
  governance: 'governance',
} as const;

export type GatewayFamily = keyof typeof gatewayFamilies;

/**
 * Where a service's path stands behind the gateway: the same path under the family's prefix.
 * @example gatewayPath('ledger', '/entries') === '/api/v1/ledger/entries'; the root is the prefix itself
 */
export function gatewayPath(family: GatewayFamily, path: string): string {
  return `/api/v1/${family}${path === '/' ? '' : path}`;
}

export const gatewayErrors = {
  GATEWAY_REQUEST_AMBIGUOUS: {
    status: 400,
    doc: 'The request can be read in more than one way: its path, its headers or its framing. It went nowhere.',
  },
  GATEWAY_METHOD_NOT_ALLOWED: { status: 405, doc: 'The path exists, but not with this method; see `Allow`.' },
  GATEWAY_UPSTREAM_UNREACHABLE: { status: 503, doc: 'The service behind the path cannot be reached.' },
  GATEWAY_UPSTREAM_FAILED: { status: 502, doc: 'The service behind the path broke off before it answered.' },
  GATEWAY_UPSTREAM_TIMEOUT: { status: 504, doc: 'The service behind the path did not answer in time.' },
  CIRCUIT_OPEN: { status: 503, doc: 'The service behind the path keeps failing; calls to it are paused.' },
} as const satisfies ErrorCatalogue;

const Upstream = strictObject({
  family: Type.String({ description: 'First segment of its paths after /api/v1' }),
  service: Type.String(),
  status: Type.Union([Type.Literal('ready'), Type.Literal('not ready'), Type.Literal('unreachable')]),
  circuit: Type.Union([Type.Literal('closed'), Type.Literal('open'), Type.Literal('half-open')]),
  requestsInFlight: Type.Integer({ minimum: 0 }),
  failing: Type.Array(Type.String(), { description: 'Checks of the service that fail, by name' }),
});

export const GatewayStatus = strictObject({
  service: Type.Literal('gateway'),
  version: Type.String(),
  status: Type.Union([Type.Literal('ready'), Type.Literal('degraded')]),
  requestsPerMinute: Type.Integer({ minimum: 1, description: 'What one subject or address may send' }),
  upstreams: Type.Array(Upstream),
});
export type GatewayStatus = Static<typeof GatewayStatus>;

/** gateway (8082): the one door for clients. What it forwards is declared by the services behind it. */
export const gatewayApi = defineApi({
  service: 'gateway',
  title: 'Lucid gateway',
  description: 'The one door for clients: forwards /api/v1/<family>/… to the service behind it',
  errors: gatewayErrors,
  operations: {
    getStatus: {
      method: 'GET',
      path: '/status',
      summary: 'Health of the gateway and of each service behind it',
      access: 'public',
      responses: { 200: { description: 'The state of each upstream', schema: GatewayStatus } },
      errors: ['RATE_LIMITED'],
    },
  },
});

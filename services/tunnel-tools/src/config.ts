import { identityVariables } from '@lucid/common/http/identity-config';
import { type Config, defineConfig } from '@lucid/common/runtime/config';
import { type ServiceConfig, serviceVariables } from '@lucid/common/runtime/service-config';

const { tokenIssuer, jwksUrl } = identityVariables;

/** tunnel-tools' variables. It has no SERVICE_KEY_FILE: it calls no service, and no service calls it. */
export const configSchema = defineConfig({
  ...serviceVariables('TUNNEL_TOOLS', 7000),
  tokenIssuer,
  jwksUrl,
  dataDir: {
    name: 'TUNNEL_TOOLS_DATA_DIR',
    type: 'path',
    default: '/var/lib/tunnel-tools',
    doc: 'Folder of the tunnels, their sealed keys, events and probes',
  },
  tunnelsKey: {
    name: 'TUNNELS_KEY_FILE',
    type: 'secretFile',
    doc: 'A secret of at least 32 characters that seals the private keys of the onion addresses; back it up',
  },
  tunnelsFile: {
    name: 'TUNNEL_TOOLS_FILE',
    type: 'path',
    optional: true,
    doc: 'A YAML file of tunnels that are always there; it is read again when it changes',
  },
  torControlPath: {
    name: 'TOR_CONTROL_PATH',
    type: 'path',
    default: '/run/tor/control',
    doc: "tor's control socket (ControlSocket)",
  },
  torCookiePath: {
    name: 'TOR_COOKIE_PATH',
    type: 'path',
    optional: true,
    doc: "tor's control cookie (CookieAuthFile), when it is not where tor says it is",
  },
  torSocksPath: {
    name: 'TOR_SOCKS_PATH',
    type: 'path',
    default: '/run/tor/socks',
    doc: "tor's SOCKS socket (SocksPort unix:), through which tunnels are verified",
  },
  torTimeoutMs: {
    name: 'TOR_CONTROL_TIMEOUT_MS',
    type: 'durationMs',
    default: 5_000,
    min: 100,
    max: 60_000,
    doc: 'Time tor may take to answer one command',
  },
  gatewayUrl: {
    name: 'TUNNEL_TOOLS_GATEWAY_URL',
    type: 'url',
    default: 'http://127.0.0.1:8082',
    doc: 'Where the target `gateway` is: http, a host name or address, and a port, as tor reaches it',
  },
  openapiGatewayUrl: {
    name: 'TUNNEL_TOOLS_OPENAPI_GATEWAY_URL',
    type: 'url',
    default: 'http://127.0.0.1:8080',
    doc: 'Where the target `openapi-gateway` is, in the same way',
  },
  resolveIntervalMs: {
    name: 'TUNNEL_TOOLS_RESOLVE_INTERVAL_MS',
    type: 'durationMs',
    default: 15_000,
    min: 100,
    max: 3_600_000,
    doc: 'How often the targets’ names are resolved again',
  },
  reconcileIntervalMs: {
    name: 'TUNNEL_TOOLS_RECONCILE_INTERVAL_MS',
    type: 'durationMs',
    default: 5_000,
    min: 50,
    max: 600_000,
    doc: 'How often what tor has is compared with what is declared, besides whenever either changes',
  },
  probeIntervalMs: {
    name: 'TUNNEL_TOOLS_PROBE_INTERVAL_MS',
    type: 'durationMs',
    default: 600_000,
    doc: 'How often each tunnel is visited through the Tor network, give or take a fifth; 0: only on request',
  },
  probeTimeoutMs: {
    name: 'TUNNEL_TOOLS_PROBE_TIMEOUT_MS',
    type: 'durationMs',
    default: 60_000,
    min: 1_000,
    max: 300_000,
    doc: 'Time a visit may take',
  },
});

export type TunnelToolsConfig = Config<typeof configSchema> & ServiceConfig;

import { join } from 'node:path';
import type { PlatformKeys } from '@lucid/cli/setup/keys';
import type { Environment } from '@lucid/common/runtime/config';
import { type Ports, type ServiceName, serviceNames } from './ports.ts';

export interface EnvironmentOptions {
  readonly dataDir: string;
  readonly host: string;
  readonly ports: Ports;
}

/** The variables of the key files, and what each is in a platform's keys. */
const keyVariables = {
  SERVICE_KEY_FILE: 'serviceKey',
  API_SIGNING_KEY_FILE: 'apiSigningKey',
  LEDGER_KEY_FILE: 'ledgerKey',
  VM_GENESIS_FILE: 'genesis',
  BLOCKCHAIN_API_ANCHORER_KEY_FILE: 'anchorerKey',
  GOVERNANCE_RELAYER_KEY_FILE: 'relayerKey',
} as const satisfies Record<string, keyof PlatformKeys['files']>;

export function urlsOf(host: string, ports: Ports): Record<ServiceName, string> {
  const name = host === '0.0.0.0' ? '127.0.0.1' : host;
  return Object.fromEntries(serviceNames.map((service) => [service, `http://${name}:${ports[service]}`])) as Record<
    ServiceName,
    string
  >;
}

/** Names of the ledger's logs beside `lucid`, which need a key each. */
export function logNamesOf(env: Environment): string[] {
  const names = (env['LEDGER_LOGS'] ?? '').split(',').map((name) => name.trim());
  return names.filter((name) => name !== '' && name !== 'lucid');
}

/** Where api leaves the code that registers the first administrator. */
export function setupCodePath(dataDir: string): string {
  return join(dataDir, 'keys', 'setup-code');
}

/** `blockchain-api` to `BLOCKCHAIN_API`: the prefix of a service's own variables. */
function prefixOf(service: ServiceName): string {
  return service.toUpperCase().replaceAll('-', '_');
}

/** Whether the environment names every key file; then none is made. */
export function areKeysGiven(env: Environment): boolean {
  return Object.keys(keyVariables).every((name) => env[name] !== undefined);
}

/** The variables of keys that are in one folder. */
export function keyEnvironment({ files, genesis }: PlatformKeys): Environment {
  const paths = Object.entries(keyVariables).map(([name, key]) => [name, files[key]]);
  return { ...Object.fromEntries(paths), API_CHAIN_ID: String(genesis.chainId) };
}

/** The variables that make nine services one platform: addresses of each other and folders. Keys are apart. */
export function platformEnvironment({ dataDir, host, ports }: EnvironmentOptions): Environment {
  const urls = urlsOf(host, ports);
  const perService = serviceNames.flatMap((service): [string, string][] => {
    const prefix = prefixOf(service);
    return [
      [`${prefix}_HOST`, host],
      [`${prefix}_PORT`, String(ports[service])],
      [`${prefix}_URL`, urls[service]],
      [`${prefix}_DATA_DIR`, join(dataDir, service)],
    ];
  });
  return {
    ...Object.fromEntries(perService),
    // The documentation's pages call the gateway, under either name of this machine.
    GATEWAY_CORS_ORIGINS: [urls['openapi-gateway'], `http://localhost:${ports['openapi-gateway']}`].join(','),
    TOKEN_ISSUER: urls.api,
    API_SIGN_IN_URL: urls.gateway,
    API_JWKS_URL: `${urls.api}/.well-known/jwks.json`,
    API_SETUP_CODE_FILE: setupCodePath(dataDir),
    LEDGER_KEYS_DIR: join(dataDir, 'keys'),
  };
}

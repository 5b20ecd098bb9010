import { isLogName } from '@lucid/common/apis/log-names';

/** The folders under the platform's root: `keys`, then one folder a service in `secrets` and in `data`. */
export const hostFolders = { keys: 'keys', secrets: 'secrets', data: 'data' } as const;

/** The ledger's own folder of secrets. */
export const secretsOfLedger = `${hostFolders.secrets}/ledger`;

/** Where a container finds its service's folder of `secrets`. */
export const secretsMount = '/run/secrets';

/** Who the images' processes run as, and whom the root belongs to. */
export const serviceUser = { uid: 1000, gid: 1000 } as const;

/** The variable by which a service is told of a file, and that file's name in `keys` and in the service's folder. */
const secretFiles = {
  SERVICE_KEY_FILE: 'service.key',
  API_SIGNING_KEY_FILE: 'api-signing.key',
  LEDGER_KEY_FILE: 'ledger.key',
  BLOCKCHAIN_API_ANCHORER_KEY_FILE: 'anchorer.key',
  GOVERNANCE_RELAYER_KEY_FILE: 'relayer.key',
  VM_GENESIS_FILE: 'genesis.json',
  TUNNELS_KEY_FILE: 'tunnels.key',
} as const;

type SecretVariable = keyof typeof secretFiles;

const standalone = [
  'SERVICE_KEY_FILE',
  'LEDGER_KEY_FILE',
  'BLOCKCHAIN_API_ANCHORER_KEY_FILE',
  'VM_GENESIS_FILE',
] as const;

/**
 * The files each service must be given, by variable: the required `secretFile` and `_FILE` variables of its
 * configuration's schema, and nothing else. What is not here gets no secret.
 */
export const serviceSecrets = {
  api: ['SERVICE_KEY_FILE', 'API_SIGNING_KEY_FILE'],
  'blockchain-api': ['SERVICE_KEY_FILE', 'BLOCKCHAIN_API_ANCHORER_KEY_FILE'],
  gateway: ['SERVICE_KEY_FILE'],
  governance: ['SERVICE_KEY_FILE', 'GOVERNANCE_RELAYER_KEY_FILE'],
  ledger: ['SERVICE_KEY_FILE', 'LEDGER_KEY_FILE'],
  'openapi-gateway': [],
  'openapi-server': ['SERVICE_KEY_FILE'],
  sessions: ['SERVICE_KEY_FILE'],
  'tunnel-tools': ['TUNNELS_KEY_FILE'],
  vm: ['SERVICE_KEY_FILE', 'VM_GENESIS_FILE'],
  'standalone-blockchain-api': standalone,
  platform: [...standalone, 'API_SIGNING_KEY_FILE', 'GOVERNANCE_RELAYER_KEY_FILE'],
} as const satisfies Readonly<Record<string, readonly SecretVariable[]>>;

export type SecretHolder = keyof typeof serviceSecrets;

/** Files the stores are given; no service of ours reads them. */
const storeSecrets = {
  redis: ['redis.password', 'redis.acl'],
  mongo: ['mongo.key', 'mongo-root.password', 'mongo-lucid.password'],
} as const;

/** Who opens the ledger's logs. */
const logHolders = ['ledger', 'platform', 'standalone-blockchain-api'] as const satisfies readonly SecretHolder[];

/** The key file of a log beside `lucid`, in `keys` and in the folder of whoever opens it. */
export function logKeyFile(name: string): string {
  return `ledger-${name}.key`;
}

/** Those of some files that are keys of logs, each once. */
export function findLogKeys(files: readonly string[]): string[] {
  const found = files.filter((file) => isLogName(/^ledger-(.+)\.key$/.exec(file)?.[1] ?? ''));
  return [...new Set(found)].toSorted();
}

/** Everything that keeps state: a folder in `data` each, mounted as the container's /var/lib/NAME. */
export const dataFolders: readonly string[] = [
  ...Object.keys(serviceSecrets),
  ...Object.keys(storeSecrets),
  'server-tools',
  'tor-proxy',
];

/** A copy that has to be under `secrets`, and the file of `keys` it is a copy of. */
export interface SecretCopy {
  readonly holder: string;
  readonly file: string;
}

/** Where a copy is, relative to the root. */
export function copyPath({ holder, file }: SecretCopy): string {
  return `${hostFolders.secrets}/${holder}/${file}`;
}

/** Every copy under `secrets`, in a fixed order; `logKeys` are the key files of further logs. */
export function listSecretCopies(logKeys: readonly string[] = []): SecretCopy[] {
  const ofServices = Object.entries(serviceSecrets).flatMap(([holder, variables]) =>
    variables.map((variable: SecretVariable) => ({ holder, file: secretFiles[variable] })),
  );
  const ofStores = Object.entries(storeSecrets).flatMap(([holder, files]) => files.map((file) => ({ holder, file })));
  const ofLogs = logHolders.flatMap((holder) => logKeys.map((file) => ({ holder, file })));
  return [...ofServices, ...ofStores, ...ofLogs];
}

/**
 * The variables a container's environment needs for its secrets, each with the file's path there.
 * @example secretEnvironment('vm') → { SERVICE_KEY_FILE: '/run/secrets/service.key', VM_GENESIS_FILE: … }
 */
export function secretEnvironment(service: SecretHolder): Readonly<Record<string, string>> {
  const variables: readonly SecretVariable[] = serviceSecrets[service];
  return Object.fromEntries(variables.map((variable) => [variable, `${secretsMount}/${secretFiles[variable]}`]));
}

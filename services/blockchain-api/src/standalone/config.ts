import { AppError } from '@lucid/common/errors';
import { type Config, defineConfig, type Environment } from '@lucid/common/runtime/config';
import { serviceVariables } from '@lucid/common/runtime/service-config';

/** The standalone's own variables; those of the three services inside it may be given beside them. */
export const configSchema = defineConfig({
  ...serviceVariables('BLOCKCHAIN_API', 8084),
  dataDir: {
    name: 'BLOCKCHAIN_API_DATA_DIR',
    type: 'path',
    default: '/var/lib/blockchain-api',
    doc: 'Folder of `blockchain-api`, `vm`, `ledger`, and of `keys` where no key files are given',
  },
  profile: {
    name: 'LUCID_PROFILE',
    type: 'enum',
    values: ['production', 'dev'],
    default: 'production',
    doc: 'Governance timings of a chain that this start makes: days (production) or seconds (dev)',
  },
  jwksUrl: {
    name: 'API_JWKS_URL',
    type: 'url',
    optional: true,
    doc: "An api's keys of people's tokens, if there is one (`TOKEN_ISSUER` with it); without it `operator.token` is kept",
  },
  serviceKeyFile: {
    name: 'SERVICE_KEY_FILE',
    type: 'path',
    optional: true,
    doc: 'Ed25519 private key (PKCS#8 PEM) of calls between services. Give every key file, or none: then they are made',
  },
  ledgerKeyFile: {
    name: 'LEDGER_KEY_FILE',
    type: 'path',
    optional: true,
    doc: "Ed25519 private key (PKCS#8 PEM) that signs the ledger's checkpoints",
  },
  genesisFile: { name: 'VM_GENESIS_FILE', type: 'path', optional: true, doc: 'Genesis configuration (JSON)' },
  anchorerKeyFile: {
    name: 'BLOCKCHAIN_API_ANCHORER_KEY_FILE',
    type: 'path',
    optional: true,
    doc: 'secp256k1 private key (0x and 64 hex digits) of the account that anchors',
  },
  signingKeyFile: {
    name: 'API_SIGNING_KEY_FILE',
    type: 'path',
    optional: true,
    doc: 'Ed25519 private key (PKCS#8 PEM) that signs `operator.token`; not needed with `API_JWKS_URL`',
  },
});

export type StandaloneConfig = Config<typeof configSchema>;

/** Paths of the keys of the three services; `signingKey` is undefined where an api signs people's tokens. */
export interface KeyFiles {
  readonly serviceKey: string;
  readonly ledgerKey: string;
  readonly genesis: string;
  readonly anchorerKey: string;
  readonly signingKey: string | undefined;
}

/** The key files the variables name; undefined where they name none. @throws CONFIG_INVALID where only some are named */
export function findKeyFiles(config: StandaloneConfig): KeyFiles | undefined {
  const { serviceKeyFile, ledgerKeyFile, genesisFile, anchorerKeyFile, signingKeyFile, jwksUrl } = config;
  const given = [serviceKeyFile, ledgerKeyFile, genesisFile, anchorerKeyFile, signingKeyFile];
  if (given.every((path) => path === undefined)) return undefined;
  const isSignerGiven = signingKeyFile !== undefined || jwksUrl !== undefined;
  if (serviceKeyFile && ledgerKeyFile && genesisFile && anchorerKeyFile && isSignerGiven) {
    return {
      serviceKey: serviceKeyFile,
      ledgerKey: ledgerKeyFile,
      genesis: genesisFile,
      anchorerKey: anchorerKeyFile,
      signingKey: jwksUrl === undefined ? signingKeyFile : undefined,
    };
  }
  const detail =
    'Give all of SERVICE_KEY_FILE, LEDGER_KEY_FILE, VM_GENESIS_FILE, BLOCKCHAIN_API_ANCHORER_KEY_FILE and ' +
    'API_SIGNING_KEY_FILE (or API_JWKS_URL), or none of them: then they are made in the data folder.';
  throw new AppError('CONFIG_INVALID', detail);
}

/** The variables each of the three services reads, over those the operator gave. Ports not chosen are any free ones. */
export function innerEnvironment(env: Environment, dataDir: string, keys: KeyFiles): Environment {
  return {
    LEDGER_PORT: '0',
    LEDGER_LOG_LEVEL: 'warn',
    VM_PORT: '0',
    VM_LOG_LEVEL: 'warn',
    ...env,
    LEDGER_HOST: '127.0.0.1',
    VM_HOST: '127.0.0.1',
    LEDGER_DATA_DIR: `${dataDir}/ledger`,
    VM_DATA_DIR: `${dataDir}/vm`,
    BLOCKCHAIN_API_DATA_DIR: `${dataDir}/blockchain-api`,
    SERVICE_KEY_FILE: keys.serviceKey,
    LEDGER_KEY_FILE: keys.ledgerKey,
    VM_GENESIS_FILE: keys.genesis,
    BLOCKCHAIN_API_ANCHORER_KEY_FILE: keys.anchorerKey,
  };
}

import { identityVariables } from '@lucid/common/http/identity-config';
import { type Config, defineConfig } from '@lucid/common/runtime/config';
import { serviceVariables } from '@lucid/common/runtime/service-config';

/** Everything the environment decides about api. */
export const configSchema = defineConfig({
  ...serviceVariables('API', 8083),
  dataDir: { name: 'API_DATA_DIR', type: 'path', default: '/var/lib/api', doc: 'Folder of the embedded store' },
  tokenIssuer: identityVariables.tokenIssuer,
  serviceKey: identityVariables.serviceKey,
  signingKey: {
    name: 'API_SIGNING_KEY_FILE',
    type: 'secretFile',
    doc: 'Ed25519 private key (PKCS#8 PEM) that signs access tokens',
  },
  previousSigningKey: {
    name: 'API_PREVIOUS_SIGNING_KEY_FILE',
    type: 'secretFile',
    optional: true,
    doc: 'The signing key before this one: its tokens are taken while they live',
  },
  signInUrl: {
    name: 'API_SIGN_IN_URL',
    type: 'url',
    default: 'http://127.0.0.1:8082',
    doc: 'Where people sign in: URI and, by its host, domain of EIP-4361 messages',
  },
  chainId: { name: 'API_CHAIN_ID', type: 'integer', default: 20_251, min: 1, doc: 'Chain id of EIP-4361 messages' },
  registration: {
    name: 'API_REGISTRATION',
    type: 'enum',
    values: ['closed', 'open'],
    default: 'closed',
    doc: 'Whether people may register themselves once there is an admin',
  },
  setupCodePath: {
    name: 'API_SETUP_CODE_FILE',
    type: 'path',
    default: '/var/lib/api/setup-code',
    doc: 'Where the code that makes the first admin is written (0600); removed once used',
  },
  signInsPerMinute: {
    name: 'API_SIGN_INS_PER_MINUTE',
    type: 'integer',
    default: 120,
    min: 1,
    max: 100_000,
    doc: 'Sign-ins and registrations taken from one address (IPv6: one /64); ten times as many in all',
  },
  proxyAddresses: {
    name: 'API_PROXY_ADDRESSES',
    type: 'string',
    default: '127.0.0.1,::1',
    doc: 'Addresses and ranges whose `X-Forwarded-For` is believed (its last entry): the gateway',
  },
});

export type ApiConfig = Config<typeof configSchema>;

import { defaultLogName } from '@lucid/common/apis/ledger-schemas';
import { isLogName } from '@lucid/common/apis/log-names';
import { AppError } from '@lucid/common/errors';
import { identityVariables } from '@lucid/common/http/identity-config';
import { type Config, defineConfig } from '@lucid/common/runtime/config';
import { serviceVariables } from '@lucid/common/runtime/service-config';
import { witnessVariables } from './witness/variables.ts';

/** The ledger's variables. */
export const configSchema = defineConfig({
  ...serviceVariables('LEDGER', 8086),
  ...identityVariables,
  dataDir: { name: 'LEDGER_DATA_DIR', type: 'path', default: '/var/lib/ledger', doc: 'Folder of the log' },
  publishedDir: {
    name: 'LEDGER_PUBLISHED_DIR',
    type: 'path',
    optional: true,
    doc: 'Folder of the last published checkpoint, best on another disk; `published` in the data folder without it',
  },
  key: {
    name: 'LEDGER_KEY_FILE',
    type: 'secretFile',
    doc: 'Ed25519 private key (PKCS#8 PEM) that signs the checkpoints; must stay the same for the life of the log',
  },
  originHost: {
    name: 'LEDGER_ORIGIN_HOST',
    type: 'string',
    default: 'lucid.localhost',
    doc: "First part of a log's origin `<host>/lucid/<log>`; must stay the same for the life of the logs",
  },
  logs: {
    name: 'LEDGER_LOGS',
    type: 'string',
    optional: true,
    doc: 'Names, comma separated, of logs beside `lucid`: lower-case letters, digits, dashes; at most 16',
  },
  keysDir: {
    name: 'LEDGER_KEYS_DIR',
    type: 'path',
    optional: true,
    doc: 'Folder of the keys of those logs, `ledger-<name>.key` each, as `LEDGER_KEY_FILE`; needed with `LEDGER_LOGS`',
  },
  adoptStore: {
    name: 'LEDGER_ADOPT_STORE',
    type: 'boolean',
    default: false,
    doc: 'Start once on a store whose published checkpoint is lost: only if nobody holds a newer one',
  },
  storeBufferBytes: {
    name: 'LEDGER_STORE_BUFFER_BYTES',
    type: 'bytes',
    default: 16 * 1024 * 1024,
    min: 1024 * 1024,
    max: 256 * 1024 * 1024,
    doc: 'Memory that gathers commits before a sorted file is written; more makes heavy appending smoother',
  },
  fastLane: {
    name: 'LEDGER_FAST_LANE',
    type: 'boolean',
    default: true,
    doc: 'Serve single appends with a reader of their own, which gives all else to the ordinary server',
  },
  bundleCacheBytes: {
    name: 'LEDGER_BUNDLE_CACHE_BYTES',
    type: 'bytes',
    default: 4 * 1024 * 1024,
    max: 1024 * 1024 * 1024,
    doc: 'Entry bundles kept in memory as they are sent, of all logs together',
  },
  proxyAddresses: {
    name: 'LEDGER_PROXY_ADDRESSES',
    type: 'string',
    default: '127.0.0.1,::1',
    doc: 'Addresses and ranges whose `X-Forwarded-For` is believed (its last entry): the gateway',
  },
  followersMax: {
    name: 'LEDGER_FOLLOWERS_MAX',
    type: 'integer',
    default: 64,
    min: 1,
    max: 10_000,
    doc: "Clients that may follow the logs at once; keep it below the gateway's `GATEWAY_UPSTREAM_CONNECTIONS_MAX`",
  },
  clientFollowersMax: {
    name: 'LEDGER_CLIENT_FOLLOWERS_MAX',
    type: 'integer',
    default: 4,
    min: 1,
    max: 10_000,
    doc: 'How many of them one token subject may be, or one address without a token',
  },
  followHeartbeatMs: {
    name: 'LEDGER_FOLLOW_HEARTBEAT_MS',
    type: 'durationMs',
    default: 15_000,
    min: 10,
    max: 55_000,
    doc: 'A follower that has nothing to be told gets a comment this often',
  },
  followStallMs: {
    name: 'LEDGER_FOLLOW_STALL_MS',
    type: 'durationMs',
    default: 30_000,
    min: 10,
    max: 300_000,
    doc: 'A follower that takes nothing of what it is told for so long is cut off',
  },
  ...witnessVariables,
});

export type LedgerConfig = Config<typeof configSchema>;

const logsMax = 16;
const logNameRule = 'at most 32 lower-case letters, digits, dashes, a letter first; not `published` or `witness`';

/** Every log's name, the default one first. Throws CONFIG_INVALID. */
export function logNamesOf({ logs = '' }: Pick<LedgerConfig, 'logs'>): string[] {
  const given = logs
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
  const names = [...new Set([defaultLogName, ...given])];
  const odd = names.find((name) => !isLogName(name));
  if (odd !== undefined) throw configInvalid(`"${odd}" is no name for a log: ${logNameRule}`);
  if (names.length > logsMax) throw configInvalid(`names more than ${logsMax} logs`);
  return names;
}

function configInvalid(detail: string): AppError {
  return new AppError('CONFIG_INVALID', `LEDGER_LOGS: ${detail}`);
}

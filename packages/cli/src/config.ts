import { homedir } from 'node:os';
import { join } from 'node:path';
import { defineConfig, type Environment, loadConfig, type Secret } from '@lucid/common/runtime/config';
import type { OverridableId } from './doctor/finding.ts';
import { cliError } from './errors.ts';

/** This machine's own platform, where no other is named. */
export const defaultGatewayUrl = 'http://127.0.0.1:8082';
export const defaultTunnelToolsUrl = 'http://127.0.0.1:7000';

/** What lets a platform start in spite of what `doctor --preflight` found. */
const allow = <const N extends string>(name: N, doc: string) =>
  ({
    name,
    type: 'enum',
    values: ['0', '1'],
    default: '0',
    doc: `\`doctor\`: 1 turns this failure into a warning. ${doc}`,
  }) as const;

/** Everything the environment decides about the command. */
export const configSchema = defineConfig({
  gatewayUrl: { name: 'LUCID_GATEWAY_URL', type: 'url', optional: true, doc: 'The platform’s gateway, as `--gateway`' },
  socks: {
    name: 'LUCID_SOCKS',
    type: 'string',
    optional: true,
    doc: 'tor’s SOCKS port, as `--socks`: `HOST:PORT` or `unix:PATH`',
  },
  tunnelToolsUrl: {
    name: 'TUNNEL_TOOLS_URL',
    type: 'url',
    optional: true,
    doc: 'tunnel-tools, as `--tunnels`',
  },
  apiKey: {
    name: 'LUCID_API_KEY_FILE',
    type: 'secretFile',
    optional: true,
    doc: 'A file with an API key, used instead of a sign-in: for machines',
  },
  configHome: {
    name: 'XDG_CONFIG_HOME',
    type: 'string',
    optional: true,
    doc: 'Credentials are in its `lucid`; `~/.config`',
  },
  dataHome: {
    name: 'XDG_DATA_HOME',
    type: 'string',
    optional: true,
    doc: 'Recordings are in its `lucid`; `~/.local/share`',
  },
  hostRoot: {
    name: 'LUCID_HOST_ROOT',
    type: 'string',
    optional: true,
    doc: 'What the machine calls the folder of `--root`, where a container sees it under another name; for texts only',
  },
  allowUnmounted: allow('LUCID_ALLOW_UNMOUNTED', 'The platform’s folder may be on the system’s own disk'),
  allowLittleSpace: allow('LUCID_ALLOW_LITTLE_SPACE', 'The disk may be nearly full'),
  allowNoMemoryLimits: allow('LUCID_ALLOW_NO_MEMORY_LIMITS', 'The kernel’s memory controller may be off'),
  allowUnsuitedMongo: allow('LUCID_ALLOW_UNSUITED_MONGO', 'MongoDB may be of a version known to crash here'),
});

export interface CliConfig {
  readonly gatewayUrl: string | undefined;
  readonly socks: string | undefined;
  readonly tunnelToolsUrl: string | undefined;
  readonly apiKey: Secret | undefined;
  /** Credentials and trust files. */
  readonly configFolder: string;
  /** Recordings. */
  readonly dataFolder: string;
  /** The machine's own name of the platform's folder, for texts. */
  readonly hostRoot: string | undefined;
  /** Failures of `doctor` that are to be warnings. */
  readonly allowed: ReadonlySet<OverridableId>;
}

/** Reads the environment, once. @throws CONFIG_INVALID */
export function loadCliConfig(env: Environment): CliConfig {
  const values = loadConfig(configSchema, env);
  const { gatewayUrl, socks, tunnelToolsUrl, apiKey, configHome, dataHome } = values;
  const allowed = new Set<OverridableId>();
  if (values.allowUnmounted === '1') allowed.add('disk-mounted');
  if (values.allowLittleSpace === '1') allowed.add('disk-space');
  if (values.allowNoMemoryLimits === '1') allowed.add('memory-cgroup');
  if (values.allowUnsuitedMongo === '1') allowed.add('mongo');
  return {
    hostRoot: values.hostRoot,
    allowed,
    gatewayUrl,
    socks,
    tunnelToolsUrl,
    apiKey,
    // Looked for only when used: a container's user may have no home, and then most commands need none.
    get configFolder() {
      return join(configHome ?? join(findHome('XDG_CONFIG_HOME'), '.config'), 'lucid');
    },
    get dataFolder() {
      return join(dataHome ?? join(findHome('XDG_DATA_HOME'), '.local', 'share'), 'lucid');
    },
  };
}

function findHome(instead: string): string {
  try {
    return homedir();
  } catch (cause) {
    throw cliError('HOME_MISSING', `This user has no home folder. Name one by ${instead}.`, { cause });
  }
}

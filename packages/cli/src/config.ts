import { homedir } from 'node:os';
import { join } from 'node:path';
import { defineConfig, type Environment, loadConfig, type Secret } from '@lucid/common/runtime/config';
import { cliError } from './errors.ts';

/** This machine's own platform, where no other is named. */
export const defaultGatewayUrl = 'http://127.0.0.1:8082';

/** Everything the environment decides about the command. */
export const configSchema = defineConfig({
  gatewayUrl: { name: 'LUCID_GATEWAY_URL', type: 'url', optional: true, doc: 'The platform’s gateway, as `--gateway`' },
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
});

export interface CliConfig {
  readonly gatewayUrl: string | undefined;
  readonly apiKey: Secret | undefined;
  /** Credentials and trust files. */
  readonly configFolder: string;
  /** Recordings. */
  readonly dataFolder: string;
}

/** Reads the environment, once. @throws CONFIG_INVALID */
export function loadCliConfig(env: Environment): CliConfig {
  const { gatewayUrl, apiKey, configHome, dataHome } = loadConfig(configSchema, env);
  return {
    gatewayUrl,
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

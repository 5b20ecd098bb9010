import { join } from 'node:path';
import { parseArgs } from 'node:util';

export const usage = `pnpm demo [options]

Without --url it runs a platform of its own. With it, it may be run as often as you like:
  pnpm demo --url http://127.0.0.1:8082 --password-file demo.password
registers the first administrator the first time, and signs in as the same user the next times.

  --url URL             the gateway of a running platform
  --socks ADDRESS       reach it through this SOCKS5 proxy: HOST:PORT or unix:PATH, for an onion address
  --keys FOLDER         folder with the platform's member.key and setup-code (.data/keys)
  --setup-code FILE     the one-time setup code, if it is elsewhere
  --member-key FILE     wallet of the founding member, who votes, if it is elsewhere
  --username NAME       who to register or sign in as (demo)
  --password-file FILE  that user's password; made if it is missing and nobody is registered
  --api-key-file FILE   sign in by an API key instead
  --keep FILE           where to leave the proof bundle; the trust file is put beside it`;

export interface DemoOptions {
  /** The gateway of a running platform; undefined for a platform of the demo's own. */
  readonly url: string | undefined;
  readonly socks: string | undefined;
  readonly setupCodeFile: string;
  readonly memberKeyFile: string;
  readonly username: string;
  readonly passwordFile: string | undefined;
  readonly apiKeyFile: string | undefined;
  readonly keep: string | undefined;
}

/** Reads the command line; undefined when it asks for help. Throws what `parseArgs` throws of an unknown option. */
export function parseDemoOptions(args: readonly string[]): DemoOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      url: { type: 'string' },
      socks: { type: 'string' },
      keys: { type: 'string', default: '.data/keys' },
      'setup-code': { type: 'string' },
      'member-key': { type: 'string' },
      username: { type: 'string', default: 'demo' },
      'password-file': { type: 'string' },
      'api-key-file': { type: 'string' },
      keep: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return undefined;
  return {
    ...keyFilesIn(values.keys),
    ...(values['setup-code'] === undefined ? {} : { setupCodeFile: values['setup-code'] }),
    ...(values['member-key'] === undefined ? {} : { memberKeyFile: values['member-key'] }),
    url: values.url,
    socks: values.socks,
    username: values.username,
    passwordFile: values['password-file'],
    apiKeyFile: values['api-key-file'],
    keep: values.keep,
  };
}

/** What the demo takes from a platform's key folder. */
export function keyFilesIn(folder: string): Pick<DemoOptions, 'setupCodeFile' | 'memberKeyFile'> {
  return { setupCodeFile: join(folder, 'setup-code'), memberKeyFile: join(folder, 'member.key') };
}

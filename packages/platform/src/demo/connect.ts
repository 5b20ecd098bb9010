import { randomBytes } from 'node:crypto';
import { createPrivateFile, findPrivateFile, readSecretFile } from '@lucid/cli/setup/private-file';
import { createLucidClient, type IdentityClient, type LucidClient } from '@lucid/client/lucid-client';
import { createSocksFetch } from '@lucid/client/socks-fetch';
import { createTokenSource } from '@lucid/client/token-source';
import { AppError } from '@lucid/common/errors';
import type { DemoOptions } from './options.ts';

/** Signs in as the options say; on a platform where nobody is registered, as its first administrator. */
export async function connect(gatewayUrl: string, options: DemoOptions): Promise<LucidClient> {
  const { socks } = options;
  const there = { gatewayUrl, ...(socks === undefined ? {} : { fetch: createSocksFetch(socks) }) };
  const { identity } = createLucidClient({ ...there, timeoutMs: 60_000 });
  const grant = await chooseGrant(identity, options);
  const tokens = await identity.createToken({ body: grant });
  const token = createTokenSource({ identity, tokens, grant });
  return createLucidClient({ ...there, token, timeoutMs: socks === undefined ? 30_000 : 120_000 });
}

async function chooseGrant(identity: IdentityClient, options: DemoOptions) {
  const { apiKeyFile, setupCodeFile, username, passwordFile } = options;
  if (apiKeyFile !== undefined) {
    return { grantType: 'api_key', apiKey: (await readSecretFile(apiKeyFile)).trim() } as const;
  }
  const setupCode = await findPrivateFile(setupCodeFile);
  if (setupCode !== undefined) {
    const credentials = { name: username, password: await ensurePassword(passwordFile) };
    await identity.registerUser({ body: { ...credentials, setupCode: setupCode.trim() } });
    return { grantType: 'password', ...credentials } as const;
  }
  if (passwordFile !== undefined) {
    return { grantType: 'password', name: username, password: (await readSecretFile(passwordFile)).trim() } as const;
  }
  const detail =
    `Somebody is registered already (there is no ${setupCodeFile}): ` +
    'name a user by --username and --password-file, or an API key by --api-key-file.';
  throw new AppError('SETUP_CODE_MISSING', detail);
}

/** The password in the file; a new one, kept there for the next time, if there is none. */
async function ensurePassword(path: string | undefined): Promise<string> {
  const found = path === undefined ? undefined : await findPrivateFile(path);
  if (found !== undefined) return found.trim();
  const password = randomBytes(16).toString('base64url');
  if (path !== undefined) await createPrivateFile(path, `${password}\n`);
  return password;
}

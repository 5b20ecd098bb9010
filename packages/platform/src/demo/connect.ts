import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readWalletKey } from '@lucid/cli/setup/keys';
import { createLucidClient, type LucidClient } from '@lucid/client/lucid-client';
import { createTokenSource } from '@lucid/client/token-source';
import { AppError } from '@lucid/common/errors';
import { Wallet } from 'ethers';

export interface Connection {
  readonly client: LucidClient;
  /** The founding member, who proposes and votes. */
  readonly member: Wallet;
}

/** Signs in with an API key, or registers the first administrator with the setup code in the keys' folder. */
export async function connect(gatewayUrl: string, keysFolder: string, apiKey: string | undefined): Promise<Connection> {
  const { identity } = createLucidClient({ gatewayUrl });
  const grant =
    apiKey === undefined ? await register(gatewayUrl, keysFolder) : ({ grantType: 'api_key', apiKey } as const);
  const tokens = await identity.createToken({ body: grant });
  const token = createTokenSource({ identity, tokens, grant });
  return {
    client: createLucidClient({ gatewayUrl, token, timeoutMs: 30_000 }),
    member: new Wallet(await readWalletKey(join(keysFolder, 'member.key'))),
  };
}

async function register(gatewayUrl: string, keysFolder: string) {
  const path = join(keysFolder, 'setup-code');
  const setupCode = await readFile(path, 'utf8').catch((cause: unknown) => {
    const detail = `Somebody is registered already (${path} is gone): make an API key and pass it as --api-key.`;
    throw new AppError('SETUP_CODE_MISSING', detail, { cause });
  });
  const { identity } = createLucidClient({ gatewayUrl });
  const credentials = { name: 'demo', password: randomBytes(16).toString('base64url') };
  await identity.registerUser({ body: { ...credentials, setupCode: setupCode.trim() } });
  return { grantType: 'password', ...credentials } as const;
}

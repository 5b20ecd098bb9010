import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identityApi } from '@lucid/common/apis/identity';
import type { TokensView } from '@lucid/common/apis/identity-schemas';
import { type Client, createClient } from '@lucid/common/http/client';
import { createServiceTokenIssuer } from '@lucid/common/http/tokens';
import { type Clock, systemClock } from '@lucid/common/runtime/clock';
import { type Environment, loadConfig } from '@lucid/common/runtime/config';
import { createLogger } from '@lucid/common/runtime/logger';
import { startService } from '@lucid/common/runtime/run';
import { type BaseWallet, Wallet } from 'ethers';
import { declaredFetch } from '../../../../test/support/declared-errors.ts';
import { configSchema } from '../../src/config.ts';
import { openApi } from '../../src/open.ts';

export type IdentityClient = Client<typeof identityApi.operations>;

/** A running api with real keys and a folder of its own. */
export interface TestApi extends AsyncDisposable {
  readonly url: string;
  readonly folder: string;
  readonly signingKey: KeyObject;
  /** A client without a token. */
  readonly anybody: IdentityClient;
  as(token: string): IdentityClient;
  serviceToken(from: string): Promise<string>;
  setupCode(): Promise<string>;
}

export interface TestApiOptions {
  /** An earlier one's folder: opens what it left. */
  readonly folder?: string;
  readonly env?: Environment;
  readonly clock?: Clock;
  /** Takes every line the service logs, at the most talkative level. */
  readonly log?: (line: string) => void;
}

export async function startTestApi(options: TestApiOptions = {}): Promise<TestApi> {
  const folder = options.folder ?? (await createFolder());
  const signingPem = await readFile(join(folder, 'signing'));
  const servicePem = await readFile(join(folder, 'service'));
  const config = loadConfig(configSchema, {
    API_PORT: '0',
    API_DATA_DIR: join(folder, 'data'),
    API_SIGNING_KEY_FILE: join(folder, 'signing'),
    SERVICE_KEY_FILE: join(folder, 'service'),
    API_SETUP_CODE_FILE: join(folder, 'setup-code'),
    API_SIGN_INS_PER_MINUTE: '10000',
    ...options.env,
  });
  const { log } = options;
  const logger = log
    ? createLogger({ name: 'api', level: 'trace' }, { write: log })
    : createLogger({ name: 'api', level: 'silent' });
  const running = await startService(
    { name: 'api', open: (_config, context) => openApi(config, context, { checkResponses: true }) },
    config,
    { logger, clock: options.clock ?? systemClock() },
  );
  const as = (token?: string) =>
    createClient(identityApi, {
      baseUrl: running.url,
      attemptsMax: 1,
      fetch: declaredFetch(identityApi, running.url),
      ...(token === undefined ? {} : { token: () => token }),
    });
  const servicePrivate = createPrivateKey(servicePem);
  const serviceKey = { privateKey: servicePrivate, publicKey: createPublicKey(servicePrivate) };
  return {
    url: running.url,
    folder,
    signingKey: createPrivateKey(signingPem),
    anybody: as(),
    as,
    serviceToken: (from) => createServiceTokenIssuer(serviceKey, from)('api'),
    setupCode: async () => (await readFile(join(folder, 'setup-code'), 'utf8')).trim(),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

async function createFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lucid-api-'));
  for (const name of ['signing', 'service']) {
    const { privateKey } = generateKeyPairSync('ed25519');
    await writeFile(join(folder, name), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  }
  return folder;
}

export const adminPassword = 'correct horse battery';

/** The first user, by password; answers its tokens. */
export async function registerAdmin(api: TestApi): Promise<TokensView> {
  const setupCode = await api.setupCode();
  await api.anybody.registerUser({ body: { setupCode, name: 'ada', password: adminPassword } });
  return await api.anybody.createToken({ body: { grantType: 'password', name: 'ada', password: adminPassword } });
}

/** A user with a wallet, made by an admin; answers the wallet and its tokens. */
export async function createWalletUser(
  api: TestApi,
  adminToken: string,
  name: string,
  roles: ('user' | 'recorder' | 'auditor')[] = ['user', 'recorder'],
): Promise<{ wallet: BaseWallet; userId: string; tokens: TokensView }> {
  const wallet = Wallet.createRandom();
  const { userId } = await api.as(adminToken).createUser({ body: { name, roles, wallet: wallet.address } });
  return { wallet, userId, tokens: await signInByWallet(api, wallet) };
}

export async function signChallenge(
  api: TestApi,
  wallet: BaseWallet,
  purpose?: 'sign-in' | 'register' | 'link-wallet',
): Promise<{ message: string; signature: string }> {
  const body = { address: wallet.address, ...(purpose ? { purpose } : {}) };
  const { message } = await api.anybody.createChallenge({ body });
  return { message, signature: await wallet.signMessage(message) };
}

export async function signInByWallet(api: TestApi, wallet: BaseWallet): Promise<TokensView> {
  return await api.anybody.createToken({ body: { grantType: 'wallet', ...(await signChallenge(api, wallet)) } });
}

import { createLucidClient, type IdentityClient } from '@lucid/client/lucid-client';
import type { Tokens } from '@lucid/client/token-source';
import { isAppError } from '@lucid/common/errors';
import { askSecret } from '../ask.ts';
import type { Run } from '../command.ts';
import { gatewayUrlOf, routeTo } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { CredentialStore } from '../credentials.ts';
import { cliError } from '../errors.ts';
import type { Output } from '../output.ts';
import { readSecretFile } from '../setup/private-file.ts';
import { pinTrust } from '../trust.ts';

interface LoginOptions {
  readonly username?: string;
  readonly passwordFile?: string;
  readonly wallet?: string;
  readonly apiKeyFile?: string;
  readonly setupCode?: string;
  readonly register?: boolean;
}

interface SignIn {
  readonly tokens: Tokens;
  readonly apiKey?: string;
}

/** Signs in one of three ways, registering first where asked, and keeps the sign-in. */
export const run: Run<LoginOptions> = async (context, output, options) => {
  verifyOptions(options);
  const gatewayUrl = await gatewayUrlOf(context, options);
  const route = await routeTo(context, options, gatewayUrl);
  const { identity, ledger } = createLucidClient({ gatewayUrl, ...route });
  const signIn = await signInWith(context, identity, options);
  const { tokens } = signIn;
  const me = await createLucidClient({ gatewayUrl, token: () => tokens.accessToken, ...route }).identity.getMe();
  const store = new CredentialStore(context.config.configFolder);
  await store.locked(() => store.put({ version: 1, gatewayUrl, name: me.name, ...signIn }));
  await meetLog(context, output, gatewayUrl, ledger);
  const { name, userId, roles } = me;
  output.result({ gatewayUrl, name, userId, roles }, `Signed in at ${gatewayUrl} as ${name} (${roles.join(', ')}).`);
};

function verifyOptions({ username, wallet, apiKeyFile, setupCode, register }: LoginOptions): void {
  const registers = setupCode !== undefined || register === true;
  if (registers && username === undefined)
    throw cliError('USAGE_INVALID', 'To register, say your name: --username NAME.');
  if (registers && apiKeyFile !== undefined) throw cliError('USAGE_INVALID', 'An API key cannot register a user.');
  if (username === undefined && wallet === undefined && apiKeyFile === undefined) {
    throw cliError('USAGE_INVALID', 'Say how to sign in: --username NAME, --wallet FILE or --api-key-file FILE.');
  }
}

async function signInWith(context: CliContext, identity: IdentityClient, options: LoginOptions): Promise<SignIn> {
  if (options.apiKeyFile !== undefined) {
    const apiKey = (await readSecretFile(options.apiKeyFile)).trim();
    return { tokens: await identity.createToken({ body: { grantType: 'api_key', apiKey } }), apiKey };
  }
  if (options.wallet !== undefined) return await signInByWallet(identity, options, options.wallet);
  return await signInByPassword(context, identity, options);
}

async function signInByPassword(context: CliContext, identity: IdentityClient, options: LoginOptions): Promise<SignIn> {
  const { username: name = '', passwordFile } = options;
  const password =
    passwordFile === undefined
      ? await askSecret(context, `Password for ${name}: `)
      : (await readSecretFile(passwordFile)).replace(/\r?\n$/, '');
  if (registers(options)) await identity.registerUser({ body: { ...codeOf(options), name, password } });
  return { tokens: await identity.createToken({ body: { grantType: 'password', name, password } }) };
}

async function signInByWallet(identity: IdentityClient, options: LoginOptions, file: string): Promise<SignIn> {
  const [{ readWalletKey }, { Wallet }] = await Promise.all([import('../setup/keys.ts'), import('ethers')]);
  const wallet = new Wallet(await readWalletKey(file));
  const prove = async (purpose: 'sign-in' | 'register') => {
    const { message } = await identity.createChallenge({ body: { address: wallet.address, purpose } });
    return { message, signature: await wallet.signMessage(message) };
  };
  if (registers(options)) {
    const body = { ...codeOf(options), name: options.username ?? '', wallet: await prove('register') };
    await identity.registerUser({ body });
  }
  return { tokens: await identity.createToken({ body: { grantType: 'wallet', ...(await prove('sign-in')) } }) };
}

function registers({ setupCode, register }: LoginOptions): boolean {
  return setupCode !== undefined || register === true;
}

function codeOf({ setupCode }: LoginOptions): { setupCode?: string } {
  return setupCode === undefined ? {} : { setupCode };
}

/** Keeps the log's key at the first meeting; a log that is away is met later. */
async function meetLog(
  context: CliContext,
  output: Output,
  gatewayUrl: string,
  ledger: Parameters<typeof pinTrust>[2],
): Promise<void> {
  try {
    const { isNew, path } = await pinTrust(context, gatewayUrl, ledger);
    if (isNew) output.note(`From now on bundles are verified with the log's key in ${path}.`);
  } catch (error) {
    if (!isAppError(error) || error.code === 'TRUST_CHANGED') throw error;
    output.note(`The log's key could not be fetched (${error.code}); sign in again later, or use --trust.`);
  }
}

import {
  createLucidClient,
  type IdentityClient,
  type LucidClient,
  type LucidClientOptions,
} from '@lucid/client/lucid-client';
import { createTokenSource, type Tokens } from '@lucid/client/token-source';
import { tunnelsApi } from '@lucid/common/apis/tunnels';
import { AppError, isAppError } from '@lucid/common/errors';
import { ApiError } from '@lucid/common/http/client';
import { defaultGatewayUrl, defaultTunnelToolsUrl } from './config.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { CredentialStore, type Credentials } from './credentials.ts';
import { cliError } from './errors.ts';

/** A platform, and who speaks to it. */
export interface Connection {
  readonly client: LucidClient;
  readonly gatewayUrl: string;
  /** The access token of a call; undefined where nobody is signed in. */
  readonly token: (() => Promise<string | undefined>) | undefined;
  /** Whether calls carry a token. */
  readonly isSignedIn: boolean;
}

/** Which platform is meant: the option, the variable, where the user is signed in, or this machine. */
export async function gatewayUrlOf({ config }: CliContext, options: GlobalOptions): Promise<string> {
  const named = options.gateway ?? config.gatewayUrl;
  if (named !== undefined) return parseAddress('--gateway', named, defaultGatewayUrl);
  return (await new CredentialStore(config.configFolder).find())?.gatewayUrl ?? defaultGatewayUrl;
}

/** Where the platform's tunnel-tools is: the option, the variable, or this machine. */
export function tunnelToolsUrlOf({ config }: Pick<CliContext, 'config'>, options: GlobalOptions): string {
  const named = options.tunnels ?? config.tunnelToolsUrl ?? defaultTunnelToolsUrl;
  return parseAddress('--tunnels', named, defaultTunnelToolsUrl);
}

/** A failure to get an answer at all, with the address that was asked; any other error as it is. */
export async function nameGateway(context: CliContext, options: GlobalOptions, error: unknown): Promise<unknown> {
  const isUnanswered = isAppError(error) && !(error instanceof ApiError) && error.code.startsWith('UPSTREAM_');
  if (!isUnanswered) return error;
  const isTunnels = error.data['dependency'] === tunnelsApi.service;
  const url = isTunnels ? tunnelToolsUrlOf(context, options) : await gatewayUrlOf(context, options);
  const detail = `${error.message.replace(/\.$/, '')}, asked at ${url}.`;
  return new AppError(error.code, detail, { status: error.status, data: error.data, cause: error });
}

/** For one call where circuits have to be built first, ms. */
const socksTimeoutMs = 60_000;

/**
 * How calls to an address go: as they are, or through the SOCKS proxy that the option or the variable names. This
 * machine itself is never asked through it: tor would refuse.
 */
export async function routeTo(
  { config }: Pick<CliContext, 'config'>,
  options: GlobalOptions,
  url: string,
): Promise<Pick<LucidClientOptions, 'fetch' | 'timeoutMs'>> {
  const socks = options.socks ?? config.socks;
  if (socks === undefined || isLoopback(new URL(url).hostname)) return {};
  const { createSocksFetch } = await import('@lucid/client/socks-fetch');
  return { fetch: createSocksFetch(socks), timeoutMs: socksTimeoutMs };
}

/** Whether a URL's host name is of this machine itself. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function parseAddress(option: string, text: string, example: string): string {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw cliError('USAGE_INVALID', `${option} takes an address such as ${example}, not "${text}".`);
  }
  return url.href.replace(/\/+$/, '');
}

/** Connects with the credentials kept for that platform; without, only public operations work. */
export async function connect(context: CliContext, options: GlobalOptions): Promise<Connection> {
  const store = new CredentialStore(context.config.configFolder);
  const gatewayUrl = await gatewayUrlOf(context, options);
  const route = await routeTo(context, options, gatewayUrl);
  const { identity } = createLucidClient({ gatewayUrl, ...route });
  const apiKey = context.config.apiKey?.reveal();
  if (apiKey !== undefined) {
    const token = createTokenSource({ identity, grant: { grantType: 'api_key', apiKey } });
    return { client: createLucidClient({ gatewayUrl, token, ...route }), gatewayUrl, token, isSignedIn: true };
  }
  const credentials = await store.find();
  // Credentials go to the platform they are from, and nowhere else.
  if (credentials?.gatewayUrl !== gatewayUrl) {
    const client = createLucidClient({ gatewayUrl, ...route });
    return { client, gatewayUrl, token: undefined, isSignedIn: false };
  }
  const token = createTokenSource({
    identity: { createToken: (input) => renew(store, identity, credentials, input) },
    tokens: credentials.tokens,
    ...(credentials.apiKey === undefined ? {} : { grant: { grantType: 'api_key', apiKey: credentials.apiKey } }),
  });
  return { client: createLucidClient({ gatewayUrl, token, ...route }), gatewayUrl, token, isSignedIn: true };
}

/** As `connect`. @throws NOT_SIGNED_IN */
export async function connectSignedIn(context: CliContext, options: GlobalOptions): Promise<Connection> {
  const connection = await connect(context, options);
  if (!connection.isSignedIn) throw cliError('NOT_SIGNED_IN', `You are not signed in at ${connection.gatewayUrl}.`);
  return connection;
}

type CreateToken = IdentityClient['createToken'];

/** Renews under the lock: another lucid may have done it meanwhile, and then its tokens are the ones to use. */
async function renew(
  store: CredentialStore,
  identity: IdentityClient,
  credentials: Credentials,
  input: Parameters<CreateToken>[0],
): Promise<Tokens> {
  return await store.locked(async () => {
    const stored = (await store.find()) ?? credentials;
    const { refreshToken, expiresAt } = stored.tokens;
    const body = input?.body;
    const isOurs = body?.grantType !== 'refresh_token' || body.refreshToken === refreshToken;
    if (!isOurs && Date.parse(expiresAt) - Date.now() > 60_000) return stored.tokens;
    const isRefresh = body?.grantType === 'refresh_token' && refreshToken !== undefined;
    const tokens = await identity.createToken(
      isRefresh ? { body: { grantType: 'refresh_token', refreshToken } } : input,
    );
    await store.put({ ...stored, tokens });
    return tokens;
  });
}

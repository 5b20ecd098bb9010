import { hkdfSync, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { createTokenVerifier, parseServiceKey } from '@lucid/common/http/tokens';
import type { OpenService, ServiceContext } from '@lucid/common/runtime/run';
import type { FastifyInstance } from 'fastify';
import { createLocalJWKSet } from 'jose';
import { type AppOptions, buildApp } from './app.ts';
import type { ApiConfig } from './config.ts';
import { createAccessTokens, parseSigningKey } from './domain/access-tokens.ts';
import { createCallers } from './domain/callers.ts';
import { createChallenges } from './domain/challenges.ts';
import { createPasswords } from './domain/passwords.ts';
import { ensureSetupCode } from './domain/setup.ts';
import { createSignInService } from './domain/sign-in.ts';
import { createUserService } from './domain/users.ts';
import { createThrottle } from './routes/throttle.ts';
import { type OpenIdentityStore, openLevelIdentityStore } from './store/level-identity-store.ts';
import { setupCodeFile } from './store/setup-code-file.ts';

/** What `openApi` answers; disposing it stops the worker and closes the store. */
export interface OpenApi extends OpenService {
  readonly app: FastifyInstance;
}

/**
 * Opens the store, makes sure that a platform without users has a setup code, and composes the app.
 * @throws STORE_LOCKED, STORE_CORRUPT, SIGNING_KEY_INVALID, SERVICE_KEY_INVALID
 */
export async function openApi(config: ApiConfig, context: ServiceContext, options: AppOptions = {}): Promise<OpenApi> {
  const { logger } = context;
  const keys = readKeys(config);
  const store = await openLevelIdentityStore(join(config.dataDir, 'identity'));
  try {
    const codeFile = setupCodeFile(config.setupCodePath);
    if (await ensureSetupCode(store, codeFile)) {
      logger.warn(
        { file: config.setupCodePath },
        'nobody is registered: the file holds the code that makes the first admin',
      );
    }
    const app = await compose(config, context, keys, store, codeFile.remove, options);
    const janitor = startJanitor(store, context);
    return {
      app,
      [Symbol.asyncDispose]: async () => {
        await janitor[Symbol.asyncDispose]();
        await store[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
}

interface Keys {
  readonly signingKey: KeyObject;
  readonly previousKey: KeyObject | undefined;
  readonly serviceKey: KeyObject;
}

function readKeys(config: ApiConfig): Keys {
  const previous = config.previousSigningKey?.reveal();
  return {
    signingKey: parseSigningKey(config.signingKey.reveal(), 'API_SIGNING_KEY_FILE'),
    previousKey: previous === undefined ? undefined : parseSigningKey(previous, 'API_PREVIOUS_SIGNING_KEY_FILE'),
    serviceKey: parseServiceKey(config.serviceKey.reveal()).publicKey,
  };
}

async function compose(
  config: ApiConfig,
  { logger, clock }: ServiceContext,
  { signingKey, previousKey, serviceKey }: Keys,
  store: OpenIdentityStore,
  onSetupDone: () => Promise<void>,
  options: AppOptions,
): Promise<FastifyInstance> {
  const now = () => clock.now();
  const accessTokens = createAccessTokens({ issuer: config.tokenIssuer, signingKey, previousKey, now });
  const challenges = createChallenges({
    url: config.signInUrl,
    chainId: config.chainId,
    key: challengeKey(signingKey),
    now,
  });
  const passwords = await createPasswords();
  const parts = { store, challenges, passwords, accessTokens, now };
  const isRegistrationOpen = config.registration === 'open';
  const deps = {
    ...parts,
    logger,
    signIn: createSignInService(parts),
    callers: createCallers(store),
    users: createUserService({ ...parts, isRegistrationOpen, onSetupDone }),
    throttle: createThrottle({
      signInsPerMinute: config.signInsPerMinute,
      proxies: config.proxyAddresses,
    }),
    verifyToken: createTokenVerifier({
      service: 'api',
      issuer: config.tokenIssuer,
      // The verifier's own, in memory: api does not ask itself over the network.
      userKeys: createLocalJWKSet({ keys: accessTokens.jwks.keys.map((key) => ({ ...key })) }),
      serviceKey,
    }),
  };
  return await buildApp(deps, options);
}

/** A key for challenges, from the signing key: the same after a restart and on every replica. */
function challengeKey(signingKey: KeyObject): Uint8Array {
  const secret = signingKey.export({ type: 'pkcs8', format: 'der' });
  return new Uint8Array(hkdfSync('sha256', secret, '', 'lucid/api/challenge/v1', 32));
}

const purgeEveryMs = 3_600_000;

/** Forgets what ended, at start and every hour. */
function startJanitor(store: OpenIdentityStore, { logger, clock }: ServiceContext): AsyncDisposable {
  const closing = new AbortController();
  const work = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      try {
        const count = await store.purge(clock.now());
        if (count > 0) logger.info({ count }, 'forgot sign-ins, nonces and attempts that ended');
      } catch (error) {
        logger.error({ err: error }, 'could not forget what ended');
      }
      await clock.sleep(purgeEveryMs, closing.signal).catch(() => undefined);
    }
  };
  const running = work();
  return {
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await running;
    },
  };
}

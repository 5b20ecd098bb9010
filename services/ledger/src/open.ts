import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultLogName } from '@lucid/common/apis/ledger-schemas';
import { AppError, isAppError } from '@lucid/common/errors';
import { createClientClassifier } from '@lucid/common/http/client-address';
import { createIdentity } from '@lucid/common/http/identity-config';
import type { OpenService, ServiceContext } from '@lucid/common/runtime/run';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { buildApp } from './app.ts';
import { type LedgerConfig, logNamesOf } from './config.ts';
import type { Log } from './domain/log.ts';
import { LogHost } from './domain/log-host.ts';
import { openLogKey } from './domain/log-key.ts';
import { type OpenLogParts, openLog } from './domain/open-log.ts';
import { startError } from './errors.ts';
import { LevelLogStore, logStoreOptions } from './store/level-log-store.ts';
import { openPublishedFile } from './store/published-file.ts';
import type { Endorser } from './witness/endorser.ts';
import { openEndorser, openWitness } from './witness/open-witness.ts';

/** Composes the ledger: stores, logs, app. Throws the codes of `startErrors` and STORE_LOCKED, STORE_OPEN_FAILED. */
export async function openLedger(config: LedgerConfig, context: ServiceContext): Promise<OpenService> {
  const { verifyToken } = createIdentity('ledger', config);
  await using opening = new AsyncDisposableStack();
  const hosts = new Map<string, LogHost>();
  const endorsers = new Map<string, Endorser>();
  for (const name of logNamesOf(config)) {
    const endorser = await openEndorser(config, context);
    if (endorser) endorsers.set(name, opening.use(endorser));
    hosts.set(name, opening.use(await openHost(config, name, context, endorser)));
  }
  const witness = await openWitness(config, context);
  if (witness) opening.use(witness);
  const app = await buildApp({
    hosts,
    endorsers,
    ...(witness ? { witness: witness.value } : {}),
    logger: context.logger,
    verifyToken,
    classifyClient: createClientClassifier(config.proxyAddresses),
    fastLane: config.fastLane,
    bundleCacheBytes: config.bundleCacheBytes,
    follow: {
      followersMax: config.followersMax,
      clientFollowersMax: config.clientFollowersMax,
      heartbeatMs: config.followHeartbeatMs,
      stallMs: config.followStallMs,
    },
  });
  const logs = opening.move();
  return {
    app,
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await logs.disposeAsync();
    },
  };
}

/** Opens one log; each has its own store, published checkpoint, origin and key. */
async function openHost(
  config: LedgerConfig,
  name: string,
  { logger, clock }: ServiceContext,
  endorser: Endorser | undefined,
): Promise<LogHost> {
  const pem = name === defaultLogName ? config.key.reveal() : await readKey(config, name);
  const endorsing = endorser && { endorse: endorser.endorse, isEndorsed: endorser.isEndorsed };
  const logLogger = logger.child({ log: name });
  const host = new LogHost({
    open: (observer) => openLogOf(config, name, pem, { observer, ...endorsing }),
    sleep: (ms, signal) => clock.sleep(ms, signal),
    onTrouble: (err, message) => logLogger.error({ err }, message),
  });
  try {
    await host.start();
  } catch (error) {
    throw name === defaultLogName ? error : ofLog(name, error);
  }
  return host;
}

/** What stops one of several logs names it: the advice speaks of the variables of the default one. */
function ofLog(name: string, error: unknown): unknown {
  return isAppError(error) ? new AppError(error.code, `Log "${name}": ${error.message}`, { cause: error }) : error;
}

/** The key of a log beside the default one. Throws CONFIG_INVALID, LEDGER_KEY_INVALID. */
async function readKey({ keysDir }: LedgerConfig, name: string): Promise<string> {
  if (keysDir === undefined) throw new AppError('CONFIG_INVALID', 'LEDGER_LOGS needs LEDGER_KEYS_DIR.');
  const path = join(keysDir, `ledger-${name}.key`);
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const advice = `Make ${path}, readable by this user only: openssl genpkey -algorithm ed25519`;
    throw startError('LEDGER_KEY_INVALID', advice, cause);
  }
}

/** Between two checkpoints that nobody waits for: an append should not share the disk with a signature every time. */
const publishIntervalMs = 20;

async function openLogOf(
  config: LedgerConfig,
  name: string,
  pem: string,
  parts: Pick<OpenLogParts, 'observer' | 'endorse' | 'isEndorsed'>,
): Promise<Log> {
  const key = openLogKey(`${config.originHost}/lucid/${name}`, pem);
  await using stack = new AsyncDisposableStack();
  const store = stack.use(
    new LevelLogStore(await openLevelStore(join(config.dataDir, name), logStoreOptions(config.storeBufferBytes))),
  );
  const publishedDir = config.publishedDir ?? join(config.dataDir, 'published');
  const published = stack.use(await openPublishedFile(join(publishedDir, `${name}.checkpoint`)));
  const log = await openLog({ key, store, published, adoptStore: config.adoptStore, publishIntervalMs, ...parts });
  // From here on the log closes them.
  stack.move();
  return log;
}

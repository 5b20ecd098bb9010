import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultLogName } from '@lucid/common/apis/ledger-schemas';
import { createClientClassifier } from '@lucid/common/http/client-address';
import { createIdentity } from '@lucid/common/http/identity-config';
import type { OpenService, ServiceContext } from '@lucid/common/runtime/run';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { buildApp } from './app.ts';
import { type LedgerConfig, logNamesOf } from './config.ts';
import type { Log, LogObserver } from './domain/log.ts';
import { LogHost } from './domain/log-host.ts';
import { openLogKey } from './domain/log-key.ts';
import { openLog } from './domain/open-log.ts';
import { startError } from './errors.ts';
import { LevelLogStore } from './store/level-log-store.ts';
import { openPublishedFile } from './store/published-file.ts';

/** Composes the ledger: stores, logs, app. Throws the codes of `startErrors` and STORE_LOCKED, STORE_OPEN_FAILED. */
export async function openLedger(config: LedgerConfig, context: ServiceContext): Promise<OpenService> {
  const { verifyToken } = createIdentity('ledger', config);
  await using opening = new AsyncDisposableStack();
  const hosts = new Map<string, LogHost>();
  for (const name of logNamesOf(config)) hosts.set(name, opening.use(await openHost(config, name, context)));
  const app = await buildApp({
    hosts,
    logger: context.logger,
    verifyToken,
    classifyClient: createClientClassifier(config.proxyAddresses),
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
async function openHost(config: LedgerConfig, name: string, { logger, clock }: ServiceContext): Promise<LogHost> {
  const pem = name === defaultLogName ? config.key.reveal() : await readKey(config, name);
  const logLogger = logger.child({ log: name });
  const host = new LogHost({
    open: (observer) => openLogOf(config, name, pem, observer),
    sleep: (ms, signal) => clock.sleep(ms, signal),
    onTrouble: (err, message) => logLogger.error({ err }, message),
  });
  await host.start();
  return host;
}

/** The key of a log beside the default one. Throws LEDGER_KEY_INVALID. */
async function readKey({ keysDir }: LedgerConfig, name: string): Promise<string> {
  if (keysDir === undefined) throw startError('LEDGER_KEY_INVALID', 'LEDGER_LOGS needs LEDGER_KEYS_DIR.');
  const path = join(keysDir, `ledger-${name}.key`);
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const advice = `Make ${path}, readable by this user only: openssl genpkey -algorithm ed25519`;
    throw startError('LEDGER_KEY_INVALID', advice, cause);
  }
}

async function openLogOf(config: LedgerConfig, name: string, pem: string, observer: LogObserver): Promise<Log> {
  const key = openLogKey(`${config.originHost}/lucid/${name}`, pem);
  await using stack = new AsyncDisposableStack();
  const store = stack.use(
    new LevelLogStore(
      await openLevelStore(join(config.dataDir, name), {
        writeBufferSize: config.storeBufferBytes,
        compression: false,
      }),
    ),
  );
  const publishedDir = config.publishedDir ?? join(config.dataDir, 'published');
  const published = stack.use(await openPublishedFile(join(publishedDir, `${name}.checkpoint`)));
  const log = await openLog({ key, store, published, adoptStore: config.adoptStore, observer });
  // From here on the log closes them.
  stack.move();
  return log;
}

import { join } from 'node:path';
import { createIdentity } from '@lucid/common/http/identity-config';
import type { OpenService, ServiceContext } from '@lucid/common/runtime/run';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { buildApp } from './app.ts';
import type { LedgerConfig } from './config.ts';
import type { Log, LogObserver } from './domain/log.ts';
import { LogHost } from './domain/log-host.ts';
import { openLogKey } from './domain/log-key.ts';
import { openLog } from './domain/open-log.ts';
import { LevelLogStore } from './store/level-log-store.ts';
import { openPublishedFile } from './store/published-file.ts';

/** The one log of this version; each log has its own store, published checkpoint and origin. */
const logName = 'lucid';

/** Composes the ledger: stores, log, app. Throws the codes of `startErrors` and STORE_LOCKED, STORE_OPEN_FAILED. */
export async function openLedger(config: LedgerConfig, { logger, clock }: ServiceContext): Promise<OpenService> {
  const { verifyToken } = createIdentity('ledger', config);
  const host = new LogHost({
    open: (observer) => openLogOf(config, observer),
    sleep: (ms, signal) => clock.sleep(ms, signal),
    onTrouble: (err, message) => logger.error({ err }, message),
  });
  await host.start();
  const app = await buildApp({ host, logger, verifyToken });
  return {
    app,
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await host[Symbol.asyncDispose]();
    },
  };
}

async function openLogOf(config: LedgerConfig, observer: LogObserver): Promise<Log> {
  const key = openLogKey(`${config.originHost}/lucid/${logName}`, config.key.reveal());
  await using stack = new AsyncDisposableStack();
  const store = stack.use(
    new LevelLogStore(
      await openLevelStore(join(config.dataDir, logName), {
        writeBufferSize: config.storeBufferBytes,
        compression: false,
      }),
    ),
  );
  const publishedDir = config.publishedDir ?? join(config.dataDir, 'published');
  const published = stack.use(await openPublishedFile(join(publishedDir, `${logName}.checkpoint`)));
  const log = await openLog({ key, store, published, adoptStore: config.adoptStore, observer });
  // From here on the log closes them.
  stack.move();
  return log;
}

import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyValueStore } from '@lucid/common/storage/kv';
import { openLevelStore } from '@lucid/common/storage/level-store';
import { buildApp } from '@lucid/ledger/app';
import type { Endorse, Log, LogObserver } from '@lucid/ledger/domain/log';
import { LogHost } from '@lucid/ledger/domain/log-host';
import { type LogKey, openLogKey } from '@lucid/ledger/domain/log-key';
import { openLog } from '@lucid/ledger/domain/open-log';
import type { FollowLimits } from '@lucid/ledger/routes/follow';
import { LevelLogStore, logStoreOptions } from '@lucid/ledger/store/level-log-store';
import { openPublishedFile } from '@lucid/ledger/store/published-file';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { createTestIdentity, type TestIdentity } from './identity.ts';

const testOrigin = 'ledger.test/lucid/lucid';

export type TestLedgerOptions = {
  /** A folder of an earlier ledger; a new one unless given. */
  readonly folder?: string;
  readonly key?: LogKey;
  readonly adoptStore?: boolean;
  /** Puts something between the log and its store, such as a disk that fails. */
  readonly wrapStore?: (store: KeyValueStore) => KeyValueStore;
  /** Names of logs beside `lucid`, each with its own folder and key. */
  readonly otherLogs?: readonly string[];
  readonly follow?: FollowLimits;
  /** Adds cosignatures to checkpoints before they are published. */
  readonly endorse?: Endorse;
  /** Whether a published note has what `endorse` adds. */
  readonly isEndorsed?: (note: string) => Promise<boolean>;
};

/** A ledger with its own folder and keys, driven through `app.inject`. */
export interface TestLedger extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly host: LogHost;
  readonly hosts: ReadonlyMap<string, LogHost>;
  readonly folder: string;
  readonly key: LogKey;
  readonly identity: TestIdentity;
  /** Of a service that may append. */
  readonly token: string;
  readonly troubles: readonly string[];
}

export function createTestLogKey(origin = testOrigin): LogKey {
  const { privateKey } = generateKeyPairSync('ed25519');
  return openLogKey(origin, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
}

export async function openTestLog(
  folder: string,
  key: LogKey,
  options: TestLedgerOptions = {},
  observer: LogObserver = {},
): Promise<Log> {
  await using stack = new AsyncDisposableStack();
  const { wrapStore = (store) => store, adoptStore = false } = options;
  const store = stack.use(new LevelLogStore(wrapStore(await openLevelStore(join(folder, 'store'), logStoreOptions()))));
  const published = stack.use(await openPublishedFile(join(folder, 'published', 'lucid.checkpoint')));
  const log = await openLog({
    key,
    store,
    published,
    adoptStore,
    observer,
    ...(options.endorse ? { endorse: options.endorse } : {}),
    ...(options.isEndorsed ? { isEndorsed: options.isEndorsed } : {}),
  });
  stack.move();
  return log;
}

export async function openTestLedger(options: TestLedgerOptions = {}): Promise<TestLedger> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'lucid-ledger-')));
  const key = options.key ?? createTestLogKey();
  const identity = createTestIdentity();
  const troubles: string[] = [];
  const open = async (of: string, ofKey: LogKey): Promise<LogHost> => {
    const opened = new LogHost({
      open: (observer) => openTestLog(of, ofKey, options, observer),
      // A test that breaks the disk does not wait for it.
      sleep: () => new Promise((resolve) => setImmediate(resolve)),
      onTrouble: (_error, message) => void troubles.push(message),
    });
    await opened.start();
    return opened;
  };
  const host = await open(folder, key);
  const hosts = new Map([['lucid', host]]);
  for (const name of options.otherLogs ?? []) {
    hosts.set(name, await open(join(folder, name), createTestLogKey(`ledger.test/lucid/${name}`)));
  }
  const logger = pino({ level: 'silent' });
  const app = await buildApp({
    hosts,
    logger,
    verifyToken: identity.verifier('ledger'),
    checkResponses: true,
    ...(options.follow ? { follow: options.follow } : {}),
  });
  await app.ready();
  const token = await identity.serviceToken('sessions', 'ledger');
  return {
    app,
    host,
    hosts,
    folder,
    key,
    identity,
    token,
    troubles,
    [Symbol.asyncDispose]: async () => {
      await app.close();
      for (const each of hosts.values()) await each[Symbol.asyncDispose]();
      if (!options.folder) await rm(folder, { recursive: true });
    },
  };
}

import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLucidClient, type LedgerClient } from '@lucid/client/lucid-client';
import { toBase64 } from '@lucid/common/formats/bytes';
import { encodeLogPolicy } from '@lucid/common/formats/policy';
import { type Environment, loadConfig } from '@lucid/common/runtime/config';
import { createLogger } from '@lucid/common/runtime/logger';
import { type RunningService, startService } from '@lucid/common/runtime/run';
import { configSchema } from '@lucid/ledger/config';
import { openLedger } from '@lucid/ledger/open';
import { createTestIdentity } from './identity.ts';

const logger = createLogger({ name: 'test', level: 'silent' });

/** The ledger as it runs in production, in this process, on a port that stays; it can be stopped and started. */
export interface LedgerService extends AsyncDisposable {
  readonly url: string;
  /** LEDGER_DATA_DIR. */
  readonly dataDir: string;
  readonly client: LedgerClient;
  /** The trust file of its default log. */
  readonly policy: string;
  /** Resolves once a published checkpoint covers them. */
  append(entries: readonly Uint8Array[]): Promise<void>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function startLedgerService(extra: Environment = {}): Promise<LedgerService> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'lucid-ledger-service-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const identity = createTestIdentity();
  const jwks = stack.use(await identity.serveJwks());
  const pem = (key: KeyObject) => key.export({ format: 'pem', type: 'pkcs8' }).toString();
  await writeFile(join(folder, 'ledger.pem'), pem(generateKeyPairSync('ed25519').privateKey), { mode: 0o600 });
  await writeFile(join(folder, 'service.pem'), pem(identity.serviceKey.privateKey), { mode: 0o600 });
  const dataDir = join(folder, 'data');
  const env = {
    TOKEN_ISSUER: identity.issuer,
    API_JWKS_URL: jwks.url,
    SERVICE_KEY_FILE: join(folder, 'service.pem'),
    LEDGER_KEY_FILE: join(folder, 'ledger.pem'),
    LEDGER_DATA_DIR: dataDir,
    ...extra,
  };
  const open = async (port: string): Promise<RunningService> =>
    await startService({ name: 'ledger', open: openLedger }, loadConfig(configSchema, { ...env, LEDGER_PORT: port }), {
      logger,
    });
  let service: RunningService | undefined = await open('0');
  const { url } = service;
  stack.defer(async () => await service?.[Symbol.asyncDispose]());
  const token = await identity.serviceToken('sessions', 'ledger');
  const { ledger: client } = createLucidClient({ gatewayUrl: url, urls: { ledger: url }, token: () => token });
  const policy = encodeLogPolicy((await client.getLogKey()).verifierKey);
  const resources = stack.move();
  return {
    url,
    dataDir,
    client,
    policy,
    append: async (entries) => {
      for (let first = 0; first < entries.length; first += 1000) {
        const batch = entries.slice(first, first + 1000).map(toBase64);
        const isLast = first + 1000 >= entries.length;
        await client.appendEntries({ body: { entries: batch }, ...(isLast ? { query: { receipt: 1 } } : {}) });
      }
    },
    stop: async () => {
      await service?.[Symbol.asyncDispose]();
      service = undefined;
    },
    start: async () => {
      service = await open(new URL(url).port);
    },
    [Symbol.asyncDispose]: async () => await resources.disposeAsync(),
  };
}

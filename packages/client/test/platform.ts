import type { KeyObject } from 'node:crypto';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@lucid/common/runtime/config';
import { createLogger } from '@lucid/common/runtime/logger';
import { type RunningService, startService } from '@lucid/common/runtime/run';
import { configSchema as ledgerSchema } from '@lucid/ledger/config';
import { openLedger } from '@lucid/ledger/open';
import { configSchema as sessionsSchema } from '@lucid/sessions/config';
import { openSessions } from '@lucid/sessions/open';
import { createTestIdentity } from '../../../test/support/identity.ts';
import { createLucidClient, type LucidClient } from '../src/lucid-client.ts';

/** The ledger and the sessions service as they run in production, without a chain: sessions are sealed, not anchored. */
export interface TestPlatform extends AsyncDisposable {
  readonly folder: string;
  readonly sessionsUrl: string;
  readonly token: string;
  readonly client: LucidClient;
  /** The trust file of the platform's log. */
  policy(): Promise<string>;
  stopSessions(): Promise<void>;
  startSessions(): Promise<void>;
}

const logger = createLogger({ name: 'test', level: 'silent' });
const pem = (key: KeyObject): string => key.export({ format: 'pem', type: 'pkcs8' }).toString();

export async function startTestPlatform(): Promise<TestPlatform> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'lucid-client-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const identity = createTestIdentity();
  const jwks = stack.use(await identity.serveJwks());
  await writeFile(join(folder, 'service.pem'), pem(identity.serviceKey.privateKey), { mode: 0o600 });
  await writeFile(join(folder, 'ledger.pem'), pem(generateKeyPairSync('ed25519').privateKey), { mode: 0o600 });
  const env = {
    TOKEN_ISSUER: identity.issuer,
    API_JWKS_URL: jwks.url,
    SERVICE_KEY_FILE: join(folder, 'service.pem'),
    LEDGER_KEY_FILE: join(folder, 'ledger.pem'),
    LEDGER_PORT: '0',
    LEDGER_DATA_DIR: join(folder, 'ledger'),
    SESSIONS_DATA_DIR: join(folder, 'sessions'),
    BLOCKCHAIN_API_URL: 'http://127.0.0.1:9',
  };
  const ledger = stack.use(
    await startService({ name: 'ledger', open: openLedger }, loadConfig(ledgerSchema, env), { logger }),
  );
  const start = async (port: string): Promise<RunningService> => {
    const config = loadConfig(sessionsSchema, { ...env, LEDGER_URL: ledger.url, SESSIONS_PORT: port });
    return await startService({ name: 'sessions', open: openSessions }, config, { logger });
  };
  let sessions = await start('0');
  const { url } = sessions;
  stack.defer(() => sessions[Symbol.asyncDispose]());
  const token = await identity.userToken();
  const urls = { ledger: ledger.url, sessions: url };
  const client = createLucidClient({ gatewayUrl: url, urls, token: () => token, attemptsMax: 1 });
  const resources = stack.move();
  return {
    folder,
    sessionsUrl: url,
    token,
    client,
    policy: async () => `log ${(await client.ledger.getLogKey()).verifierKey}\nquorum none\n`,
    stopSessions: async () => await sessions[Symbol.asyncDispose](),
    startSessions: async () => {
      sessions = await start(new URL(url).port);
    },
    [Symbol.asyncDispose]: async () => await resources.disposeAsync(),
  };
}

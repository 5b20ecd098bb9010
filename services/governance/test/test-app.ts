import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServiceTokenIssuer, createTokenVerifier, parseServiceKey } from '@lucid/common/http/tokens';
import { systemClock } from '@lucid/common/runtime/clock';
import { createLogger } from '@lucid/common/runtime/logger';
import { openLevelStore } from '@lucid/common/storage/level-store';
import type { FastifyInstance } from 'fastify';
import { buildApp } from '../src/app.ts';
import { ChainClient } from '../src/clients/chain-client.ts';
import { createRelaySigner } from '../src/clients/relay-wallet.ts';
import { Rpc } from '../src/clients/rpc.ts';
import { Indexer } from '../src/domain/indexer.ts';
import { Relay } from '../src/domain/relay.ts';
import { IndexStore } from '../src/store/index-store.ts';
import { openRelayStore } from '../src/store/relay-store.ts';

export interface TestApp extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly index: IndexStore;
}

/** The app on empty stores, with its chain away: what the service says of itself, and how it fails. */
export async function openTestApp(): Promise<TestApp> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'lucid-governance-'));
  stack.defer(() => rm(folder, { recursive: true }));
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const key = parseServiceKey(pem);
  const issueToken = createServiceTokenIssuer(key, 'governance');
  const chain = new ChainClient(new Rpc({ baseUrl: 'http://127.0.0.1:9', issueToken }));
  const index = new IndexStore(stack.use(await openLevelStore(join(folder, 'index'))));
  const clock = systemClock();
  const indexer = new Indexer({ chain, index, syncBlocks: 10 });
  const store = stack.use(await openRelayStore(stack.use(await openLevelStore(join(folder, 'relay'))), clock));
  const signer = createRelaySigner(`0x${'11'.repeat(32)}`, () => 1);
  const receiptTimeoutMs = 100;
  const relay = new Relay({ chain, index, indexer, store, signer, clock, receiptTimeoutMs });
  const verifyToken = createTokenVerifier({
    service: 'governance',
    issuer: 'http://127.0.0.1:9',
    userKeys: async () => key.publicKey,
    serviceKey: key.publicKey,
  });
  const logger = createLogger({ name: 'test', level: 'silent' });
  const governance = { chain, index, indexer, relay, clock, receiptTimeoutMs };
  const app = await buildApp({ governance, verifyToken, logger }, { checkResponses: true });
  stack.defer(async () => await app.close());
  const resources = stack.move();
  return { app, index, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClientClassifier } from '@lucid/common/http/client-address';
import { systemClock } from '@lucid/common/runtime/clock';
import { createLogger } from '@lucid/common/runtime/logger';
import { openLevelStore } from '@lucid/common/storage/level-store';
import type { FastifyInstance } from 'fastify';
import { createTestIdentity, type TestIdentity } from '../../../test/support/identity.ts';
import { buildApp } from '../src/app.ts';
import { createAnchorChain } from '../src/clients/anchor-chain-client.ts';
import { createVmClient, forwardTo } from '../src/clients/vm-client.ts';
import { AnchorWorker } from '../src/domain/anchor-worker.ts';
import { limitCallers } from '../src/domain/caller-limits.ts';
import { ChainParams } from '../src/domain/chain-params.ts';
import { openRegistrationSigner } from '../src/domain/registration.ts';
import { type LevelAnchorStore, openAnchorStore } from '../src/store/anchor-store.ts';

export interface TestApp extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly identity: TestIdentity;
  readonly anchors: LevelAnchorStore;
}

export interface TestAppOptions {
  /** Nobody listens there unless given: the chain is away. */
  readonly vmUrl?: string;
  readonly identity?: TestIdentity;
  readonly responseBytesMax?: number;
}

const generous = { callsPerMinute: 1e6, transactionsPerMinute: 1e6, filtersPerMinute: 1e6, deadlineMs: 5000 };

/** The app over a queue of its own, every answer held to its schema; the anchor worker does not run. */
export async function openTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'lucid-blockchain-api-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const store = stack.use(await openLevelStore(folder));
  const clock = systemClock();
  const anchors = stack.use(await openAnchorStore({ store, clock, queueMax: 100 }));
  const identity = options.identity ?? createTestIdentity();
  const logger = createLogger({ name: 'test', level: 'silent' });
  const rpc = createVmClient({
    baseUrl: options.vmUrl ?? 'http://127.0.0.1:9',
    issueToken: identity.issuerFor('blockchain-api'),
    timeoutMs: 5000,
    responseBytesMax: options.responseBytesMax ?? 1024 * 1024,
  });
  const signer = openRegistrationSigner(`0x${'11'.repeat(32)}`);
  const chain = createAnchorChain(rpc);
  const worker = new AnchorWorker({ store: anchors, chain, signer, clock, logger, inFlightMax: 1, pollMs: 1000 });
  const app = await buildApp({
    anchors,
    worker,
    rpc,
    forward: limitCallers(forwardTo(rpc), generous),
    classifyClient: createClientClassifier('127.0.0.1'),
    batchMax: 100,
    params: new ChainParams(rpc),
    verifyToken: identity.verifier('blockchain-api'),
    logger,
    checkResponses: true,
  });
  stack.defer(() => app.close());
  const resources = stack.move();
  return { app, identity, anchors, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

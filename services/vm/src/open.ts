/** Composes the service: the chain's thread, the calls' thread, and the app in front of them. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createIdentity } from '@lucid/common/http/identity-config';
import { livenessOf } from '@lucid/common/http/service-client';
import type { ServiceContext } from '@lucid/common/runtime/run';
import type { FastifyInstance } from 'fastify';
import { buildApp } from './app.ts';
import { CallQueue } from './call-queue.ts';
import type { VmConfig } from './config.ts';
import type { ChainBackend } from './domain/backend.ts';
import { vmError } from './errors.ts';
import type { ChainSettings } from './settings.ts';
import { version } from './version.ts';
import { WorkerHost, type WorkerHostOptions } from './worker-host.ts';

/** Methods that execute code for a caller: they run apart from the thread that makes blocks. */
const CALL_METHODS = new Set([
  'eth_call',
  'eth_estimateGas',
  'eth_createAccessList',
  'lucid_call',
  'debug_traceTransaction',
  'debug_traceBlockByNumber',
  'debug_traceBlockByHash',
  'debug_traceCall',
]);

export interface Vm extends AsyncDisposable {
  readonly app: FastifyInstance;
}

/**
 * Opens the chain under `config.dataDir`, creating it from the genesis file the first time.
 * @throws AppError VM_GENESIS_INVALID, VM_GENESIS_MISMATCH, VM_GENESIS_FAILED, VM_STORE_DAMAGED, STORE_LOCKED
 */
export async function openVm(config: VmConfig, { logger, clock }: ServiceContext): Promise<Vm> {
  const settings = await toSettings(config);
  const worker = (role: WorkerHostOptions['start']['role']): WorkerHostOptions => ({
    start: { role, settings, now: clock.now() },
    now: () => clock.now(),
    onFault: (detail) => logger.error({ detail, thread: role }, 'a fault in a thread of the chain'),
  });
  await using stack = new AsyncDisposableStack();
  const chain = stack.use(await WorkerHost.open(worker('chain')));
  const calls = stack.use(
    new CallQueue({ worker: worker('calls'), deadlineMs: config.callDeadlineMs, queueMax: config.callQueueMax }),
  );
  const backend: ChainBackend = {
    request: (method, params) => (CALL_METHODS.has(method) ? calls : chain).request(method, params),
  };
  const app = await buildApp({
    version,
    logger,
    verifyToken: createIdentity('vm', config).verifyToken,
    backend,
    checks: {
      chain: async () => void (await chain.request('lucid_health', [])),
      ledger: livenessOf('ledger', config.ledgerUrl),
    },
  });
  stack.defer(() => app.close());
  const resources = stack.move();
  return { app, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

async function toSettings(config: VmConfig): Promise<ChainSettings> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  return {
    version,
    folder: join(config.dataDir, 'chain'),
    genesisText: await readGenesis(config.genesisFile),
    blockGasLimit: config.blockGasLimit,
    blockIntervalMs: config.blockIntervalMs,
    blockRunMs: config.blockRunMs,
    callGasMax: config.callGasMax,
    pool: {
      transactionsMax: config.poolTransactionsMax,
      bytesMax: config.poolBytesMax,
      readyPerAccountMax: config.poolAccountMax,
      queuedPerAccountMax: config.poolGapMax,
    },
    poolSync: config.poolSync,
    filters: {
      resultsMax: config.logResultsMax,
      blocksMax: config.logBlocksMax,
      filtersMax: config.filtersMax,
      filterTtlMs: config.filterTtlMs,
    },
    nodeCacheBytes: config.nodeCacheBytes,
    blockCacheBytes: config.blockCacheBytes,
    ledgerUrl: config.ledgerUrl,
    serviceKeyPem: config.serviceKey.reveal(),
  };
}

async function readGenesis(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw vmError('VM_GENESIS_INVALID', `The genesis file ${path} cannot be read.`, { cause });
  }
}

/** Opens the real service on a temporary folder and a free port. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServiceTokenIssuer, parseServiceKey } from '@lucid/common/http/tokens';
import { type Clock, systemClock } from '@lucid/common/runtime/clock';
import { loadConfig } from '@lucid/common/runtime/config';
import { createLogger } from '@lucid/common/runtime/logger';
import { FetchRequest, JsonRpcProvider } from 'ethers';
import { configSchema } from '../../src/config.ts';
import { openVm } from '../../src/open.ts';
import { CHAIN_ID, testGenesis } from './accounts.ts';

export type TestVmOptions = {
  readonly dataDir?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly genesis?: Record<string, unknown>;
};

/** A temporary folder that goes away with the test. */
export async function tempDir(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'lucid-vm-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** The key file of the tests' services. */
export const serviceKeyPem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });

/** A running vm, with a token of blockchain-api's for it and an ethers provider that shows the token. */
export async function openTestVm(options: TestVmOptions = {}) {
  await using stack = new AsyncDisposableStack();
  const dataDir = options.dataDir ?? stack.use(await tempDir()).path;
  const genesisFile = join(dataDir, 'genesis.json');
  const keyFile = join(dataDir, 'service-key.pem');
  await writeFile(genesisFile, JSON.stringify(options.genesis ?? testGenesis()));
  await writeFile(keyFile, serviceKeyPem);
  const config = loadConfig(configSchema, {
    VM_DATA_DIR: dataDir,
    VM_GENESIS_FILE: genesisFile,
    SERVICE_KEY_FILE: keyFile,
    LEDGER_URL: 'http://127.0.0.1:9',
    VM_BLOCK_INTERVAL_MS: '0',
    ...options.env,
  });
  const logger = createLogger({ name: 'vm', level: 'silent' });
  const vm = stack.use(await openVm(config, { logger, clock: options.clock ?? systemClock() }));
  const url = await vm.app.listen({ host: '127.0.0.1', port: 0 });
  const issue = createServiceTokenIssuer(parseServiceKey(String(serviceKeyPem)), 'blockchain-api');
  const bearer = async (): Promise<string> => `Bearer ${await issue('vm')}`;
  const request = new FetchRequest(`${url}/rpc`);
  request.preflightFunc = async (outgoing) => {
    outgoing.setHeader('authorization', await bearer());
    return outgoing;
  };
  const provider = new JsonRpcProvider(request, CHAIN_ID, {
    staticNetwork: true,
    cacheTimeout: -1,
    pollingInterval: 20,
    batchMaxCount: 50,
  });
  stack.defer(() => provider.destroy());
  const rpc = async (method: string, params: unknown[] = []): Promise<RpcAnswer> => {
    const response = await fetch(`${url}/rpc`, {
      method: 'POST',
      headers: { authorization: await bearer(), 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    return (await response.json()) as RpcAnswer;
  };
  /** The receipt of a transaction, asked for until its block is durable. */
  const receiptOf = async (hash: string): Promise<VmReceipt> => {
    for (;;) {
      const { result } = await rpc('eth_getTransactionReceipt', [hash]);
      if (result !== null && result !== undefined) return result as VmReceipt;
    }
  };
  const resources = stack.move();
  return {
    app: vm.app,
    url,
    bearer,
    provider,
    rpc,
    receiptOf,
    dataDir,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** The members of a receipt that tests look at. */
export type VmReceipt = {
  readonly blockHash: string;
  readonly gasUsed: string;
  readonly contractAddress: string | null;
};

export type RpcAnswer = {
  readonly id: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
};

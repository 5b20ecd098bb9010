import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { governanceApi } from '@lucid/common/apis/governance';
import { type Client, createClient } from '@lucid/common/http/client';
import { loadConfig } from '@lucid/common/runtime/config';
import { createLogger } from '@lucid/common/runtime/logger';
import { type RunningService, startService } from '@lucid/common/runtime/run';
import type { GenesisMember } from '@lucid/contracts/genesis-config';
import { configSchema } from '@lucid/governance/config';
import { openGovernance } from '@lucid/governance/open';
import { Wallet } from 'ethers';
import { openTestChain, startTestBlockchainApi, type TestChain, type TestChainOptions } from './chain.ts';
import { declaredFetch } from './declared-errors.ts';

type GovernanceClient = Client<typeof governanceApi.operations>;

/** The real vm, blockchain-api and governance in this process, and the people who vote. */
export interface TestGovernance extends AsyncDisposable {
  readonly chain: TestChain;
  readonly blockchainApiUrl: string;
  /** Hold 30, 30, 25 and 15 seats. */
  readonly members: readonly [Wallet, Wallet, Wallet, Wallet];
  readonly guardian: Wallet;
  readonly url: string;
  readonly client: GovernanceClient;
  readonly dataDir: string;
  readonly relayerKey: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  stopBlockchainApi(): Promise<void>;
}

export function newWallet(): Wallet {
  return new Wallet(`0x${randomBytes(32).toString('hex')}`);
}

export async function startTestGovernance(options: TestChainOptions = {}): Promise<TestGovernance> {
  await using stack = new AsyncDisposableStack();
  const members = [newWallet(), newWallet(), newWallet(), newWallet()] as const;
  const guardian = newWallet();
  const seats: GenesisMember[] = [30, 30, 25, 15].map((count, i) => ({
    address: members[i]?.address ?? '',
    seats: count,
  }));
  const genesis = { members: seats, guardian: guardian.address, timelockDelaySec: 1, ...options.genesis };
  const chain = stack.use(await openTestChain({ ...options, genesis }));
  let blockchainApi: RunningService | undefined = await startTestBlockchainApi(chain);
  const stopBlockchainApi = async () => {
    await blockchainApi?.[Symbol.asyncDispose]();
    blockchainApi = undefined;
  };
  stack.defer(stopBlockchainApi);
  const blockchainApiUrl = blockchainApi.url;
  const relayerKey = newWallet().privateKey;
  const dataDir = join(chain.folder, 'governance');
  await writeFile(join(chain.folder, 'relayer.key'), relayerKey, { mode: 0o600 });
  const env = {
    ...chain.env,
    BLOCKCHAIN_API_URL: blockchainApiUrl,
    GOVERNANCE_DATA_DIR: dataDir,
    GOVERNANCE_RELAYER_KEY_FILE: join(chain.folder, 'relayer.key'),
    GOVERNANCE_SYNC_INTERVAL_MS: '50',
  };
  let service: RunningService | undefined;
  let port = 0;
  const start = async () => {
    const config = { ...loadConfig(configSchema, env), port };
    const logger = createLogger({ name: 'test', level: 'silent' });
    service = await startService({ name: 'governance', open: openGovernance }, config, { logger });
    port = Number(new URL(service.url).port);
    await untilReady(service.url);
  };
  const stop = async () => {
    await service?.[Symbol.asyncDispose]();
    service = undefined;
  };
  stack.defer(stop);
  await start();
  const url = `http://127.0.0.1:${port}`;
  const client = createClient(governanceApi, {
    baseUrl: url,
    token: () => chain.identity.userToken(),
    fetch: declaredFetch(governanceApi, url),
  });
  const resources = stack.move();
  return {
    chain,
    blockchainApiUrl,
    members,
    guardian,
    url,
    client,
    dataDir,
    relayerKey,
    start,
    stop,
    stopBlockchainApi,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function untilReady(url: string): Promise<void> {
  for (;;) {
    const response = await fetch(`${url}/readyz`);
    await response.body?.cancel();
    if (response.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

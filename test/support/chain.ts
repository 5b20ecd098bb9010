import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configSchema as blockchainApiSchema } from '@lucid/blockchain-api/config';
import { openBlockchainApi } from '@lucid/blockchain-api/open';
import { loadConfig } from '@lucid/common/runtime/config';
import { createLogger } from '@lucid/common/runtime/logger';
import { type RunningService, startService } from '@lucid/common/runtime/run';
import type { GenesisConfig } from '@lucid/contracts/genesis-config';
import { configSchema as vmSchema } from '@lucid/vm/config';
import { openVm } from '@lucid/vm/open';
import { Wallet } from 'ethers';
import { createTestIdentity, type TestIdentity } from './identity.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
/** Nobody listens here: what is not composed into a test is away. */
const nowhere = 'http://127.0.0.1:9';

export interface TestChainOptions {
  readonly identity?: TestIdentity;
  /** Members of genesis and their seats; one founding member unless given. */
  readonly genesis?: Partial<GenesisConfig>;
  /** Variables besides the ones a test chain needs, such as LEDGER_URL. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The real vm in this process, on a genesis of its own, with the keys its neighbours need. */
export interface TestChain extends AsyncDisposable {
  readonly identity: TestIdentity;
  readonly folder: string;
  /** The founding member. */
  readonly member: Wallet;
  /** Holds ANCHORER_ROLE. */
  readonly anchorer: Wallet;
  /** Where the vm listens; the same after `stopVm` and `startVm`. */
  readonly vmUrl: string;
  /** Variables of any service of this chain's platform: addresses, keys. */
  readonly env: Readonly<Record<string, string>>;
  stopVm(): Promise<void>;
  startVm(): Promise<void>;
}

export async function openTestChain(options: TestChainOptions = {}): Promise<TestChain> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'lucid-chain-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const identity = options.identity ?? createTestIdentity();
  const jwks = stack.use(await identity.serveJwks());
  const [member, anchorer] = [newWallet(), newWallet()];
  const files = {
    'service.key': identity.serviceKey.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    'anchorer.key': anchorer.privateKey,
    'genesis.json': JSON.stringify(createGenesis(member.address, anchorer.address, options.genesis)),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text, { mode: 0o600 });
  const env = {
    TOKEN_ISSUER: identity.issuer,
    API_JWKS_URL: jwks.url,
    SERVICE_KEY_FILE: join(folder, 'service.key'),
    BLOCKCHAIN_API_ANCHORER_KEY_FILE: join(folder, 'anchorer.key'),
    VM_GENESIS_FILE: join(folder, 'genesis.json'),
    VM_DATA_DIR: join(folder, 'vm'),
    LEDGER_URL: nowhere,
    ...options.env,
  };
  let vm: RunningService | undefined;
  let port = 0;
  const startVm = async () => {
    // Port 0 is chosen for the first start only: whoever knows the address keeps it.
    const config = { ...loadConfig(vmSchema, env), port };
    vm = await startService({ name: 'vm', open: openVm }, config, { logger });
    port = Number(new URL(vm.url).port);
  };
  const stopVm = async () => {
    await vm?.[Symbol.asyncDispose]();
    vm = undefined;
  };
  stack.defer(stopVm);
  await startVm();
  const vmUrl = `http://127.0.0.1:${port}`;
  const resources = stack.move();
  return {
    identity,
    folder,
    member,
    anchorer,
    vmUrl,
    env: { ...env, VM_URL: vmUrl },
    startVm,
    stopVm,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** The real blockchain-api in front of a test chain; `env` overrides its variables. */
export async function startTestBlockchainApi(
  chain: TestChain,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningService> {
  const variables = { BLOCKCHAIN_API_DATA_DIR: join(chain.folder, 'blockchain-api'), ...chain.env, ...env };
  const config = { ...loadConfig(blockchainApiSchema, variables), port: 0 };
  return await startService({ name: 'blockchain-api', open: openBlockchainApi }, config, { logger });
}

function newWallet(): Wallet {
  return new Wallet(`0x${randomBytes(32).toString('hex')}`);
}

function createGenesis(member: string, anchorer: string, overrides: Partial<GenesisConfig> = {}): GenesisConfig {
  return {
    chainId: 20_251,
    timestamp: Math.floor(Date.now() / 1000),
    anchorers: [anchorer],
    members: [{ address: member, seats: 1 }],
    guardian: member,
    votingDelaySec: 0,
    votingPeriodSec: 60,
    timelockDelaySec: 0,
    lateQuorumExtensionSec: 0,
    quorumNumerator: 40,
    superQuorumNumerator: 75,
    proposalThreshold: 1,
    params: {},
    ...overrides,
  };
}

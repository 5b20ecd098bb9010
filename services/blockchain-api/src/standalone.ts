import { join } from 'node:path';
import { ensurePlatformKeys } from '@lucid/cli/setup/keys';
import { AppError } from '@lucid/common/errors';
import { type Environment, loadConfig } from '@lucid/common/runtime/config';
import { type OpenService, type ServiceContext, startService } from '@lucid/common/runtime/run';
import { configSchema as ledgerSchema } from '@lucid/ledger/config';
import { openLedger } from '@lucid/ledger/open';
import { configSchema as vmSchema } from '@lucid/vm/config';
import { openVm } from '@lucid/vm/open';
import { configSchema as blockchainApiSchema } from './config.ts';
import { openBlockchainApi } from './open.ts';
import { findKeyFiles, innerEnvironment, type KeyFiles, type StandaloneConfig } from './standalone/config.ts';
import { keepOperatorToken, readOwnIdentity } from './standalone/operator-token.ts';

// blockchain-api with the chain and the ledger in its own process: the one file of a service that knows other services.

/**
 * Opens all three on the folders under `config.dataDir`, making the keys the first time. The ledger and the vm listen
 * on loopback; the app is blockchain-api's own, and is ready when all three are. Disposing it closes callers before the
 * called.
 * @throws CONFIG_INVALID, SIGNING_KEY_INVALID, KEY_*, GENESIS_FILE_INVALID and what the three throw when they open
 */
export async function openStandalone(
  config: StandaloneConfig,
  context: ServiceContext,
  env: Environment = {},
): Promise<OpenService> {
  const keys = findKeyFiles(config) ?? (await makeKeyFiles(config, context));
  const own = keys.signingKey === undefined ? undefined : await readOwnIdentity(keys.signingKey);
  const identity = own && { tokenIssuer: own.tokenIssuer, jwksUrl: own.jwksUrl };
  const variables = innerEnvironment(env, config.dataDir, keys);
  const partsOf = (service: string, level: string) => ({
    clock: context.clock,
    logger: context.logger.child({ service }, { level }),
  });

  await using stack = new AsyncDisposableStack();
  const ledgerConfig = { ...loadConfig(ledgerSchema, variables), ...identity };
  const ledgerParts = partsOf('ledger', ledgerConfig.logLevel);
  const ledger = stack.use(await startService({ name: 'ledger', open: openLedger }, ledgerConfig, ledgerParts));
  const vmConfig = { ...loadConfig(vmSchema, variables), ...identity, ledgerUrl: ledger.url };
  const vmParts = partsOf('vm', vmConfig.logLevel);
  const vm = stack.use(await startService({ name: 'vm', open: openVm }, vmConfig, vmParts));
  const faceConfig = { ...loadConfig(blockchainApiSchema, variables), ...identity, vmUrl: vm.url };
  const face = stack.use(await openBlockchainApi(faceConfig, context));
  for (const { name, url } of [ledger, vm]) face.app.readiness.add(name, readinessOf(name, url));
  if (own) stack.use(await keepOperatorToken(join(config.dataDir, 'operator.token'), own, context));
  const resources = stack.move();
  return { app: face.app, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

async function makeKeyFiles({ dataDir, profile, jwksUrl }: StandaloneConfig, { logger }: ServiceContext) {
  const { files, folder, created } = await ensurePlatformKeys(join(dataDir, 'keys'), { profile });
  if (created.length > 0) logger.warn({ folder, created }, 'keys were made: back the folder up');
  return { ...files, signingKey: jwksUrl === undefined ? files.apiSigningKey : undefined } satisfies KeyFiles;
}

/** Whether a service inside is ready, by its own account. */
function readinessOf(service: string, url: string): () => Promise<void> {
  return async () => {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(900) });
    const { checks = {} } = (await response.json()) as { checks?: Record<string, { ok: boolean; detail?: string }> };
    if (response.ok) return;
    const failed = Object.entries(checks).filter(([, { ok }]) => !ok);
    const reasons = failed.map(([name, { detail }]) => `${name}: ${detail ?? 'failed'}`);
    throw new AppError('DEPENDENCY_UNAVAILABLE', `${service} is not ready: ${reasons.join('; ')}`);
  };
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GovernanceProfile } from '@lucid/cli/setup/genesis';
import { ensurePlatformKeys, type PlatformKeys } from '@lucid/cli/setup/keys';
import type { Environment } from '@lucid/common/runtime/config';
import type { Logger } from '@lucid/common/runtime/logger';
import type { RunningService } from '@lucid/common/runtime/run';
import { keyEnvironment, logNamesOf, platformEnvironment, setupCodePath, urlsOf } from './environment.ts';
import { type Ports, portsFrom, type ServiceName } from './ports.ts';
import { waitUntilReady } from './readiness.ts';
import { starters } from './services.ts';

export interface PlatformOptions {
  /** Keys, stores and blobs are kept under it; made if it is not there. */
  readonly dataDir: string;
  readonly logger: Logger;
  readonly host?: string;
  readonly ports?: Ports;
  /** Governance timings of a new chain. */
  readonly profile?: GovernanceProfile;
  /** Variables of the services besides those the platform sets. */
  readonly env?: Environment;
  /** How long all nine together may take to be ready, ms. */
  readonly readyTimeoutMs?: number;
}

/** All nine services in this process, ready. Disposing it drains and closes them, callers before the called. */
export interface RunningServices extends AsyncDisposable {
  readonly urls: Readonly<Record<ServiceName, string>>;
}

/** Nine services on keys of their own folder. */
export interface Platform extends RunningServices {
  readonly keys: PlatformKeys;
  /** The code that registers the first administrator; undefined once there is one. */
  setupCode(): Promise<string | undefined>;
}

/** Whoever is called starts before whoever calls; those of one row start side by side. They close in reverse. */
const startingOrder: readonly (readonly ServiceName[])[] = [
  ['vm', 'ledger', 'api'],
  ['blockchain-api'],
  ['governance', 'sessions', 'gateway'],
  ['openapi-server'],
  ['openapi-gateway'],
];

/** Makes missing keys, starts the nine services side by side and waits until each is ready. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const { dataDir, profile = 'dev' } = options;
  const keys = await ensurePlatformKeys(join(dataDir, 'keys'), { profile, logs: logNamesOf(options.env ?? {}) });
  const services = await startServices({ ...options, env: { ...keyEnvironment(keys), ...options.env } });
  const codePath = options.env?.['API_SETUP_CODE_FILE'] ?? setupCodePath(dataDir);
  return { ...services, keys, setupCode: () => readSetupCode(codePath) };
}

/** The same on keys that `env` names. */
export async function startServices(options: PlatformOptions): Promise<RunningServices> {
  const { dataDir, logger, host = '127.0.0.1', ports = portsFrom(8080) } = options;
  const env = { ...platformEnvironment({ dataDir, host, ports }), ...options.env };
  const running: RunningService[] = [];
  try {
    for (const row of startingOrder) {
      const started = await Promise.allSettled(row.map((name) => starters[name](env, { logger })));
      running.push(...started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])));
      const failure = started.find((result) => result.status === 'rejected');
      if (failure) throw failure.reason as Error;
    }
    await waitUntilReady(urlsOf(host, ports), options.readyTimeoutMs ?? 60_000);
  } catch (error) {
    await closeAll(running);
    throw error;
  }
  let closing: Promise<void> | undefined;
  return {
    urls: urlsOf(host, ports),
    [Symbol.asyncDispose]: () => (closing ??= closeAll(running)),
  };
}

async function closeAll(running: readonly RunningService[]): Promise<void> {
  const failures: unknown[] = [];
  for (const service of running.toReversed()) {
    try {
      await service[Symbol.asyncDispose]();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'Some services did not close cleanly.');
}

async function readSetupCode(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

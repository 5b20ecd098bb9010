import { flushCompileCache } from 'node:module';
import { resolve } from 'node:path';
import { AppError } from '@lucid/common/errors';
import { loadConfig } from '@lucid/common/runtime/config';
import { collectAfterStart } from '@lucid/common/runtime/idle-memory';
import { createLogger } from '@lucid/common/runtime/logger';
import { version } from '@lucid/common/runtime/version';
import { configSchema } from './config.ts';
import { areKeysGiven } from './environment.ts';
import { startPlatform, startServices } from './platform.ts';
import { portsFrom } from './ports.ts';
import { formatSummary } from './summary.ts';

// The nine services in one process. `pnpm dev` runs it under a watcher; on a small board it is the platform.

async function main(): Promise<void> {
  const startedAt = performance.now();
  const ended = untilEnded();
  const config = loadConfig(configSchema, process.env);
  const logger = createLogger({ name: 'platform', level: config.logLevel });
  const dataDir = resolve(config.dataDir);
  console.log(`Starting the nine services on the data in ${dataDir}`);
  const options = { dataDir, logger, host: config.host, ports: portsFrom(config.firstPort), env: process.env };
  // In a container the keys are mounted, only those that are needed; elsewhere they are made.
  const own = areKeysGiven(process.env) ? undefined : await startPlatform({ ...options, profile: config.profile });
  await using services = own ?? (await startServices(options));
  console.log(
    formatSummary({
      version,
      seconds: (performance.now() - startedAt) / 1000,
      dataDir,
      urls: services.urls,
      keysCreated: own?.keys.created ?? [],
      setupCode: await own?.setupCode(),
    }),
  );
  flushCompileCache();
  collectAfterStart();
  await ended;
}

/**
 * Resolves when the process is asked to end, also while it starts: by a signal, or, under `pnpm dev`, when the watcher
 * that started it is gone.
 */
function untilEnded(): Promise<void> {
  const { promise, resolve: end } = Promise.withResolvers<void>();
  for (const event of ['SIGTERM', 'SIGINT', 'disconnect']) process.once(event, () => end());
  return promise;
}

/** What to do about a start that failed, where the error itself does not say. */
function adviceFor({ code }: AppError): string {
  if (code !== 'PORT_IN_USE') return '';
  return '\nStop that process, or give the nine services other ports: LUCID_FIRST_PORT=18080 npx -y pnpm dev';
}

main()
  .catch((error: unknown) => {
    console.error(error instanceof AppError ? `${error.code}: ${error.message}${adviceFor(error)}` : error);
    process.exitCode = 1;
  })
  // The channel to the watcher would keep the process alive.
  .finally(() => process.connected && process.disconnect());

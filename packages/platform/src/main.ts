import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AppError } from '@lucid/common/errors';
import { loadConfig } from '@lucid/common/runtime/config';
import { createLogger, type Logger } from '@lucid/common/runtime/logger';
import { configSchema } from './config.ts';
import { type Platform, startPlatform } from './platform.ts';
import { portsFrom } from './ports.ts';
import { formatSummary } from './summary.ts';

// The nine services in one process. `pnpm dev` runs it under a watcher; on a small board it is the platform.

async function main(): Promise<void> {
  const startedAt = performance.now();
  const config = loadConfig(configSchema, process.env);
  const logger = createLogger({ name: 'platform', level: config.logLevel });
  const dataDir = resolve(config.dataDir);
  const platform = await startPlatform({
    dataDir,
    logger,
    host: config.host,
    ports: portsFrom(config.firstPort),
    profile: config.profile,
    env: process.env,
  });
  closeOnSignals(platform, logger);
  const manifest = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  console.log(
    formatSummary({
      version: (JSON.parse(manifest) as { version: string }).version,
      seconds: (performance.now() - startedAt) / 1000,
      dataDir,
      urls: platform.urls,
      keysCreated: platform.keys.created,
      setupCode: await platform.setupCode(),
    }),
  );
}

function closeOnSignals(platform: Platform, logger: Logger): void {
  const close = () => {
    platform[Symbol.asyncDispose]().then(
      // Under `pnpm dev` the channel to the watcher would keep the process alive.
      () => process.connected && process.disconnect(),
      (error: unknown) => {
        logger.fatal({ err: error }, 'the platform did not close cleanly');
        process.exitCode = 1;
      },
    );
  };
  process.once('SIGTERM', close).once('SIGINT', close).once('disconnect', close);
}

main().catch((error: unknown) => {
  console.error(error instanceof AppError ? `${error.code}: ${error.message}` : error);
  process.exitCode = 1;
  if (process.connected) process.disconnect();
});

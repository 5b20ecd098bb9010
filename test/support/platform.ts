import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '@lucid/common/runtime/config';
import { createLogger, type Logger } from '@lucid/common/runtime/logger';
import { type Platform, startPlatform } from '@lucid/platform/platform';
import { findFirstPort, portsFrom } from '@lucid/platform/ports';

/** A whole platform in this process, on free ports and a temporary folder that goes with it. */
export interface TestPlatform extends Platform {
  readonly dataDir: string;
}

export async function startTestPlatform(
  env: Environment = {},
  logger: Logger = createLogger({ name: 'test', level: 'error' }),
): Promise<TestPlatform> {
  const dataDir = await mkdtemp(join(tmpdir(), 'lucid-test-'));
  const platform = await startPlatform({
    dataDir,
    logger,
    ports: portsFrom(await findFirstPort()),
    env,
  });
  return {
    ...platform,
    dataDir,
    [Symbol.asyncDispose]: async () => {
      await platform[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

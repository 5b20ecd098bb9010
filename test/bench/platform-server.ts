import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@lucid/common/runtime/logger';
import { startPlatform } from '@lucid/platform/platform';
import { findFirstPort, portsFrom } from '@lucid/platform/ports';

// The whole platform in a process of its own, on a temporary folder: what the benchmarks measure.
const dataDir = await mkdtemp(join(tmpdir(), 'lucid-bench-'));
const platform = await startPlatform({
  dataDir,
  logger: createLogger({ name: 'bench', level: 'error' }),
  ports: portsFrom(await findFirstPort()),
  // The limits that protect a platform from one client are not what is measured.
  env: { GATEWAY_SHARED_ADDRESSES: '127.0.0.1', GATEWAY_SHARED_ADDRESS_FACTOR: '10000' },
});
process.once('SIGTERM', () => {
  const close = async () => {
    await platform[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true });
  };
  close().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
});
console.log(
  JSON.stringify({ urls: platform.urls, keysFolder: platform.keys.folder, setupCode: await platform.setupCode() }),
);

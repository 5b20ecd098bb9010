import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensurePlatformKeys } from '@lucid/cli/setup/keys';
import type { Environment } from '@lucid/common/runtime/config';
import { createLogger } from '@lucid/common/runtime/logger';
import type { RunningService } from '@lucid/common/runtime/run';
import { keyEnvironment, platformEnvironment, setupCodePath, urlsOf } from '@lucid/platform/environment';
import { findFirstPort, portsFrom, type ServiceName, serviceNames } from '@lucid/platform/ports';
import { waitUntilReady } from '@lucid/platform/readiness';
import { starters } from '@lucid/platform/services';

const logger = createLogger({ name: 'test', level: 'silent' });

/** The nine services in this process, each of which can be stopped and started again where it was. */
export class TestServices implements AsyncDisposable {
  readonly urls: ReturnType<typeof urlsOf>;
  /** Its keys and data. */
  readonly dataDir: string;
  readonly #env: Environment;
  readonly #running = new Map<ServiceName, RunningService>();

  private constructor(dataDir: string, urls: ReturnType<typeof urlsOf>, env: Environment) {
    this.dataDir = dataDir;
    this.urls = urls;
    this.#env = env;
  }

  /** Starts all at once: none may need another to start. */
  static async start(env: Environment = {}): Promise<TestServices> {
    const dataDir = await mkdtemp(join(tmpdir(), 'lucid-services-'));
    const keys = await ensurePlatformKeys(join(dataDir, 'keys'), { profile: 'dev' });
    const [host, ports] = ['127.0.0.1', portsFrom(await findFirstPort())];
    const variables = { ...platformEnvironment({ dataDir, host, ports }), ...keyEnvironment(keys), ...env };
    const services = new TestServices(dataDir, urlsOf(host, ports), variables);
    try {
      await Promise.all(serviceNames.map((name) => services.start(name)));
      await services.waitReady();
    } catch (error) {
      await services[Symbol.asyncDispose]();
      throw error;
    }
    return services;
  }

  async start(name: ServiceName): Promise<void> {
    this.#running.set(name, await starters[name](this.#env, { logger }));
  }

  async stop(name: ServiceName): Promise<void> {
    await this.#running.get(name)?.[Symbol.asyncDispose]();
    this.#running.delete(name);
  }

  async waitReady(): Promise<void> {
    await waitUntilReady(this.urls, 30_000);
  }

  get setupCodePath(): string {
    return setupCodePath(this.dataDir);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of serviceNames) await this.stop(name);
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

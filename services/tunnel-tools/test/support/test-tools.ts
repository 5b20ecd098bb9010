import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tunnelsApi } from '@lucid/common/apis/tunnels';
import { createClient } from '@lucid/common/http/client';
import { type Clock, systemClock } from '@lucid/common/runtime/clock';
import { type Environment, loadConfig } from '@lucid/common/runtime/config';
import { createLogger, type Logger } from '@lucid/common/runtime/logger';
import type { FastifyInstance } from 'fastify';
import { declaredFetch } from '../../../../test/support/declared-errors.ts';
import { createTestIdentity, type TestIdentity } from '../../../../test/support/identity.ts';
import { configSchema } from '../../src/config.ts';
import { openTunnelTools } from '../../src/open.ts';

export interface TestToolsOptions {
  readonly controlPath: string;
  readonly env?: Environment;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** tunnel-tools as it runs, on a free port, in a folder of its own; it can be closed and opened again. */
export class TestTools implements AsyncDisposable {
  readonly folder: string;
  readonly identity: TestIdentity = createTestIdentity();
  readonly #options: TestToolsOptions;
  #stack = new AsyncDisposableStack();
  #app: FastifyInstance | undefined;
  #url = '';

  private constructor(folder: string, options: TestToolsOptions) {
    this.folder = folder;
    this.#options = options;
  }

  static async start(options: TestToolsOptions): Promise<TestTools> {
    const folder = await mkdtemp(join(tmpdir(), 'lucid-tunnel-tools-'));
    const tools = new TestTools(folder, options);
    await writeFile(join(folder, 'key'), 'a secret of a test, long enough to be one\n', { mode: 0o600 });
    try {
      await tools.open();
    } catch (error) {
      await tools[Symbol.asyncDispose]();
      throw error;
    }
    return tools;
  }

  get url(): string {
    return this.#url;
  }

  get app(): FastifyInstance {
    if (!this.#app) throw new Error('tunnel-tools is closed');
    return this.#app;
  }

  async open(env: Environment = {}): Promise<void> {
    await using stack = new AsyncDisposableStack();
    const jwks = stack.use(await this.identity.serveJwks());
    const config = loadConfig(configSchema, {
      TUNNEL_TOOLS_DATA_DIR: join(this.folder, 'data'),
      TUNNELS_KEY_FILE: join(this.folder, 'key'),
      TOR_CONTROL_PATH: this.#options.controlPath,
      TOR_SOCKS_PATH: join(this.folder, 'no-socks'),
      TUNNEL_TOOLS_PROBE_INTERVAL_MS: '0',
      TUNNEL_TOOLS_PROBE_TIMEOUT_MS: '1000',
      TUNNEL_TOOLS_RECONCILE_INTERVAL_MS: '200',
      API_JWKS_URL: jwks.url,
      ...this.#options.env,
      ...env,
    });
    const logger = this.#options.logger ?? createLogger({ name: 'test', level: 'silent' });
    const clock = this.#options.clock ?? systemClock();
    const service = stack.use(await openTunnelTools(config, { logger, clock }, { checkResponses: true }));
    this.#app = service.app;
    this.#url = await service.app.listen({ host: '127.0.0.1', port: 0 });
    this.#stack = stack.move();
  }

  async close(): Promise<void> {
    this.#app = undefined;
    await this.#stack.disposeAsync();
  }

  /** A client of the API with a person's token; every refusal is held to the declared codes. */
  async client(roles: readonly ('admin' | 'user' | 'operator')[] = ['admin']) {
    const token = await this.identity.userToken({ roles });
    return createClient(tunnelsApi, {
      baseUrl: this.#url,
      token: () => token,
      fetch: declaredFetch(tunnelsApi, this.#url),
      attemptsMax: 1,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Resolves once `read` answers something; for what happens soon and by itself. */
export async function until<T>(read: () => Promise<T | undefined> | T | undefined, timeoutMs = 15_000): Promise<T> {
  const clock = systemClock();
  const end = clock.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    if (clock.now() > end) throw new Error('it did not come about');
    await clock.sleep(25);
  }
}

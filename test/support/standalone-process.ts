import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { blockchainApi } from '@lucid/common/apis/blockchain';
import { type Client, createClient } from '@lucid/common/http/client';
import type { Environment } from '@lucid/common/runtime/config';

const main = fileURLToPath(new URL('../../services/blockchain-api/src/standalone/main.ts', import.meta.url));

/** The standalone in a process of its own, on a free port and the data folder it is given. */
export class StandaloneProcess implements AsyncDisposable {
  readonly url: string;
  /** Carries the token that the standalone leaves in its data folder. */
  readonly client: Client<typeof blockchainApi.operations>;
  readonly #child: ChildProcess;
  readonly #dataDir: string;

  private constructor(child: ChildProcess, dataDir: string, url: string) {
    this.#child = child;
    this.#dataDir = dataDir;
    this.url = url;
    this.client = createClient(blockchainApi, { baseUrl: url, token: () => this.token, attemptsMax: 1 });
  }

  /** Starts it and waits until it listens. */
  static async start(dataDir: string, env: Environment = {}): Promise<StandaloneProcess> {
    const child = spawn(process.execPath, ['--conditions=source', main], {
      env: {
        PATH: process.env['PATH'],
        NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
        BLOCKCHAIN_API_PORT: '0',
        BLOCKCHAIN_API_DATA_DIR: dataDir,
        LUCID_PROFILE: 'dev',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const said: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      said.push(line);
      const { url } = JSON.parse(line) as { url?: string };
      if (url === undefined) continue;
      child.stdout.resume();
      return new StandaloneProcess(child, dataDir, url);
    }
    throw new Error(`the standalone ended before it listened:\n${said.join('\n')}`);
  }

  get token(): string {
    return readFileSync(join(this.#dataDir, 'operator.token'), 'utf8').trim();
  }

  /** Ends the process by a signal; answers its exit code, null after SIGKILL. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode;
    this.#child.kill(signal);
    const [code] = (await once(this.#child, 'exit')) as [number | null];
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL');
  }
}

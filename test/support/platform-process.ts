import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setupCodePath, urlsOf } from '@lucid/platform/environment';
import { findFirstPort, portsFrom } from '@lucid/platform/ports';
import { waitUntilReady } from '@lucid/platform/readiness';

const main = fileURLToPath(new URL('../../packages/platform/src/main.ts', import.meta.url));

/** The nine services in a process of their own that can be killed and started again, always at the same addresses. */
export class PlatformProcess implements AsyncDisposable {
  readonly urls: ReturnType<typeof urlsOf>;
  readonly #dataDir: string;
  readonly #firstPort: number;
  #child: ChildProcess | undefined;
  #output = '';

  private constructor(dataDir: string, firstPort: number) {
    this.#dataDir = dataDir;
    this.#firstPort = firstPort;
    this.urls = urlsOf('127.0.0.1', portsFrom(firstPort));
  }

  static async create(dataDir: string): Promise<PlatformProcess> {
    return new PlatformProcess(dataDir, await findFirstPort());
  }

  /** Starts the process; `waitReady` tells when it is of use. */
  start(): void {
    const child = spawn(process.execPath, ['--conditions=source', main], {
      env: {
        PATH: process.env['PATH'],
        NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
        LUCID_DATA_DIR: this.#dataDir,
        LUCID_FIRST_PORT: String(this.#firstPort),
        LUCID_LOG_LEVEL: 'error',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => (this.#output += data.toString()));
    this.#child = child;
  }

  /** What the process has printed so far. */
  get output(): string {
    return this.#output;
  }

  async waitReady(timeoutMs = 60_000): Promise<void> {
    try {
      await waitUntilReady(this.urls, timeoutMs);
    } catch (error) {
      throw new Error(`the platform is not ready; it said:\n${this.#output}`, { cause: error });
    }
  }

  async setupCode(): Promise<string> {
    return (await readFile(setupCodePath(this.#dataDir), 'utf8')).trim();
  }

  /** Ends the process by a signal and waits until it is gone. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#child;
    if (!child) return null;
    this.#child = undefined;
    const { promise, resolve } = Promise.withResolvers<number | null>();
    child.once('close', resolve);
    if (child.exitCode !== null) resolve(child.exitCode);
    child.kill(signal);
    return await promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGTERM');
  }

  get keysFolder(): string {
    return join(this.#dataDir, 'keys');
  }
}

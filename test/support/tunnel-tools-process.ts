import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Environment } from '@lucid/common/runtime/config';

const main = fileURLToPath(new URL('../../services/tunnel-tools/src/main.ts', import.meta.url));
const hostsFilePreload = fileURLToPath(new URL('./hosts-file.ts', import.meta.url));

export interface TunnelToolsOptions {
  /** Its data, its key and its hosts file. */
  readonly folder: string;
  /** Where tor and the keys of tokens are, and what else is not as usual. */
  readonly env: Environment;
}

/** tunnel-tools in a process of its own that can be killed and started again, always at the same address. */
export class TunnelToolsProcess implements AsyncDisposable {
  readonly url: string;
  readonly #options: TunnelToolsOptions;
  readonly #port: number;
  #child: ChildProcess | undefined;
  #output = '';

  private constructor(options: TunnelToolsOptions, port: number) {
    this.#options = options;
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async create(options: TunnelToolsOptions): Promise<TunnelToolsProcess> {
    await writeFile(join(options.folder, 'tunnels.key'), randomBytes(32).toString('hex'), { mode: 0o600 });
    return new TunnelToolsProcess(options, await findFreePort());
  }

  /** Says where a host name leads to from now on; names not said are the system's. */
  async resolveTo(host: string, address: string): Promise<void> {
    await writeFile(this.#hostsFile, `${address} ${host}\n`);
  }

  /** Starts the process and waits until it answers; it need not be ready. */
  async start(): Promise<void> {
    const { folder, env } = this.#options;
    const child = spawn(process.execPath, ['--conditions=source', '--import', hostsFilePreload, main], {
      env: {
        PATH: process.env['PATH'],
        NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
        TEST_HOSTS_FILE: this.#hostsFile,
        TUNNEL_TOOLS_PORT: String(this.#port),
        TUNNEL_TOOLS_DATA_DIR: join(folder, 'data'),
        TUNNEL_TOOLS_LOG_LEVEL: 'error',
        TUNNEL_TOOLS_PROBE_INTERVAL_MS: '0',
        TUNNEL_TOOLS_RECONCILE_INTERVAL_MS: '250',
        TUNNEL_TOOLS_RESOLVE_INTERVAL_MS: '250',
        TUNNELS_KEY_FILE: join(folder, 'tunnels.key'),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => (this.#output += data.toString()));
    this.#child = child;
    while (!(await this.#answers())) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`tunnel-tools ended:\n${this.#output}`);
      await delay(20);
    }
  }

  /** Ends the process by a signal and waits until it is gone. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  /** What the process has printed so far. */
  get output(): string {
    return this.#output;
  }

  async #answers(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/livez`, { signal: AbortSignal.timeout(2000) })).ok;
    } catch {
      return false;
    }
  }

  get #hostsFile(): string {
    return join(this.#options.folder, 'hosts');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGTERM');
  }
}

/** A port nobody listens on now. */
async function findFreePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

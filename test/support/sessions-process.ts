import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { sessionsApi } from '@lucid/common/apis/sessions';
import { type Client, createClient } from '@lucid/common/http/client';
import type { JwksServer, TestIdentity } from './identity.ts';

const main = fileURLToPath(new URL('../../services/sessions/src/main.ts', import.meta.url));

export type SessionsProcessOptions = {
  /** For the service's key. */
  readonly folder: string;
  readonly dataDir: string;
  readonly identity: TestIdentity;
  readonly jwks: JwksServer;
  readonly environment?: Readonly<Record<string, string>>;
};

/** The sessions service in a process of its own, as in production; ledger and chain are away. */
export class SessionsProcess implements AsyncDisposable {
  readonly client: Client<typeof sessionsApi.operations>;
  /** False when it ended before it listened. */
  readonly isReady: boolean;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(child: ChildProcess, exited: Promise<unknown>, identity: TestIdentity, url: string | undefined) {
    this.#child = child;
    this.#exited = exited;
    this.isReady = url !== undefined;
    const baseUrl = url ?? 'http://127.0.0.1:9';
    this.client = createClient(sessionsApi, { baseUrl, token: () => identity.userToken(), attemptsMax: 1 });
  }

  /** Resolves when it listens or has ended. */
  static async start({ folder, dataDir, identity, jwks, environment = {} }: SessionsProcessOptions) {
    const keyFile = join(folder, 'service.key');
    const key = identity.serviceKey.privateKey.export({ type: 'pkcs8', format: 'pem' });
    await writeFile(keyFile, key, { mode: 0o600 });
    const nowhere = 'http://127.0.0.1:9';
    const child = spawn(process.execPath, ['--conditions=source', '--no-warnings', main], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '',
        SESSIONS_PORT: '0',
        SESSIONS_DATA_DIR: dataDir,
        SERVICE_KEY_FILE: keyFile,
        TOKEN_ISSUER: identity.issuer,
        API_JWKS_URL: jwks.url,
        LEDGER_URL: nowhere,
        BLOCKCHAIN_API_URL: nowhere,
        ...environment,
      },
    });
    const exited = once(child, 'exit');
    const url = await Promise.race([readUrl(child), exited.then(() => undefined)]);
    return new SessionsProcess(child, exited, identity, url);
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** The address the service logs once it listens. Its output is read on, so that it never fills its pipe. */
async function readUrl(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('the child has no output');
  const { promise, resolve } = Promise.withResolvers<string>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { url } = JSON.parse(line) as { url?: string };
    if (url !== undefined) resolve(url);
  });
  return await promise;
}

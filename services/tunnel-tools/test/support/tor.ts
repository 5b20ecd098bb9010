import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** Debian's tor, from the path. */
const program = 'tor';

/** Debian's tor with its network off: everything of the control protocol, and not one packet. */
export class TestTor implements AsyncDisposable {
  readonly folder: string;
  #child: ChildProcessByStdio<null, Readable, null>;

  private constructor(folder: string, child: ChildProcessByStdio<null, Readable, null>) {
    this.folder = folder;
    this.#child = child;
  }

  static async start(): Promise<TestTor> {
    const folder = await mkdtemp(join(tmpdir(), 'lucid-tor-'));
    const lines = [
      `DataDirectory ${join(folder, 'data')}`,
      `ControlSocket ${join(folder, 'control')}`,
      'CookieAuthentication 1',
      `CookieAuthFile ${join(folder, 'cookie')}`,
      'SocksPort 0',
      'DisableNetwork 1',
      'Log notice stdout',
      `__OwningControllerProcess ${process.pid}`,
    ];
    await writeFile(join(folder, 'torrc'), `${lines.join('\n')}\n`);
    return new TestTor(folder, await spawnTor(folder));
  }

  get controlPath(): string {
    return join(this.folder, 'control');
  }

  get cookiePath(): string {
    return join(this.folder, 'cookie');
  }

  /** As a crash does. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
  }

  async restart(): Promise<void> {
    this.#child = await spawnTor(this.folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function spawnTor(folder: string): Promise<ChildProcessByStdio<null, Readable, null>> {
  const args = ['-f', join(folder, 'torrc'), '--defaults-torrc', join(folder, 'none'), '--ignore-missing-torrc'];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const log: string[] = [];
  child.once('error', (error) => reject(new Error("Debian's tor is needed: apt-get install tor", { cause: error })));
  child.once('exit', () => reject(new Error(`tor ended:\n${log.join('\n')}`)));
  createInterface(child.stdout).on('line', (line) => {
    log.push(line);
    if (line.includes('Opened Control listener')) resolve();
  });
  await promise;
  return child;
}

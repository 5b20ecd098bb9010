import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export type LogLine = { level: string; msg: string; code?: string; url?: string };

/** The ledger as it runs in production: its own process, on a free port. */
export class LedgerProcess implements AsyncDisposable {
  readonly lines: LogLine[] = [];
  readonly exit: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #ready = Promise.withResolvers<string>();

  /** `before` is a command, with its options, that is to run the ledger, such as a tracer. */
  constructor(env: Readonly<Record<string, string>>, before: readonly string[] = []) {
    const [program, ...args] = [...before, process.execPath, '--conditions=source', main];
    this.#child = spawn(program, args, {
      env: { LEDGER_PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.exit = once(this.#child, 'exit').then(([code]) => code as number | null);
    if (!this.#child.stdout) throw new Error('the child has no output');
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const entry = JSON.parse(line) as LogLine;
      this.lines.push(entry);
      if (entry.url) this.#ready.resolve(entry.url);
    });
    // A program that is not there never exits: `exit` rejects.
    const ended = (): void => this.#ready.reject(new Error(`the ledger ended: ${JSON.stringify(this.lines)}`));
    this.exit.then(ended, ended);
    this.#ready.promise.catch(() => undefined);
  }

  /** Its address, once it listens. */
  get ready(): Promise<string> {
    return this.#ready.promise;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** False when it has ended already. */
  kill(signal: 'SIGKILL' | 'SIGTERM'): boolean {
    return this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill('SIGKILL');
    await this.exit;
  }
}

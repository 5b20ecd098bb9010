import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

const logLinesMax = 40;
const stopGraceMs = 2000;

/** A program and its arguments; `nsenter` in front where it is to run in another network namespace. */
export type Command = readonly [string, ...string[]];

/** The command of a program of Debian's tor package, in a network namespace by its name under /run/netns. */
export function torCommand(namespace: string | undefined, program: string, ...args: readonly string[]): Command {
  return namespace === undefined
    ? [program, ...args]
    : ['nsenter', `--net=/run/netns/${namespace}`, '--', program, ...args];
}

/** One running tor, which ends when it is disposed. */
export class TorProcess {
  readonly #child: ChildProcessByStdio<null, Readable, null>;
  readonly #log: string[] = [];
  readonly #bootstrapped = Promise.withResolvers<void>();
  readonly #ended: Promise<unknown>;

  private constructor([program, ...args]: Command) {
    this.#child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#ended = once(this.#child, 'close').catch((error: Error) => {
      this.#bootstrapped.reject(explainMissing(error));
    });
    this.#child.on('close', () => this.#bootstrapped.reject(this.#failure('ended')));
    this.#bootstrapped.promise.catch(() => undefined);
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#read(line));
  }

  /** Starts tor with a torrc that logs notices to stdout. */
  static start(torrc: string, namespace: string | undefined): TorProcess {
    return new TorProcess(torCommand(namespace, 'tor', '-f', torrc));
  }

  /** Undefined when the program could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Waits until tor says it can build circuits; throws with the end of its log when it ends or takes too long. */
  async bootstrapped(timeoutMs: number): Promise<void> {
    const timer = setTimeout(() => this.#bootstrapped.reject(this.#failure('is not bootstrapped')), timeoutMs);
    try {
      await this.#bootstrapped.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Signals tor and waits for its end; one that hangs while it cleans up is killed. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<void> {
    this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopGraceMs);
    await this.#ended;
    clearTimeout(timer);
  }

  #read(line: string): void {
    this.#log.push(line);
    if (this.#log.length > logLinesMax) this.#log.shift();
    if (line.includes('Bootstrapped 100%')) this.#bootstrapped.resolve();
  }

  #failure(what: string): Error {
    return new Error(`tor ${what} (${this.#child.spawnargs.join(' ')}):\n${this.#log.join('\n')}`);
  }
}

/** Says which package is missing when a program of tor's is not there. */
export function explainMissing(error: Error): Error {
  const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return isMissing ? new Error('tor is not installed: apt-get install tor', { cause: error }) : error;
}

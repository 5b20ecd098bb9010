import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Readable } from 'node:stream';

const logLinesMax = 40;
const stopGraceMs = 2000;

/** A program and its arguments; `nsenter` in front where it is to run in another network namespace. */
type Command = readonly [string, ...string[]];

/** The command of a program of Debian's tor package, in a network namespace by its name under /run/netns. */
function torCommand(namespace: string | undefined, program: string, ...args: readonly string[]): Command {
  return namespace === undefined
    ? [program, ...args]
    : ['nsenter', `--net=/run/netns/${namespace}`, '--', program, ...args];
}

/** One running tor. */
export class TorProcess {
  readonly #child: ChildProcessByStdio<null, Readable, null>;
  readonly #lines: Interface;
  readonly #log: string[] = [];
  readonly #ended: Promise<unknown>;
  /** Rejects when tor ends. */
  readonly #running = Promise.withResolvers<never>();

  private constructor([program, ...args]: Command) {
    this.#child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#running.promise.catch(() => undefined);
    this.#ended = once(this.#child, 'close').catch((error: Error) => this.#running.reject(explainMissing(error)));
    this.#child.on('close', () => this.#running.reject(this.#failure('has ended')));
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#lines.on('line', (line) => this.#log.push(line));
  }

  /** Starts tor with a torrc that logs notices to stdout. */
  static start(torrc: string, namespace: string | undefined): TorProcess {
    return new TorProcess(torCommand(namespace, 'tor', '-f', torrc));
  }

  /** Undefined when the program could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Rejects, with the end of its log, when tor ends. */
  get failed(): Promise<never> {
    return this.#running.promise;
  }

  /** Waits until tor can build circuits. @throws with the end of its log when it ends or takes too long */
  async bootstrapped(timeoutMs: number): Promise<void> {
    await this.reached(100, timeoutMs);
  }

  /** Waits until tor has bootstrapped so far or farther: it leaves out stages it passes at once. @throws as `bootstrapped` */
  async reached(percent: number, timeoutMs: number): Promise<void> {
    await this.#logs(() => hasReached(this.#log, percent), `has not bootstrapped to ${percent} %`, timeoutMs);
  }

  /** Waits until `text` has been in `times` lines of the log. @throws as `bootstrapped` */
  async says(text: string, timeoutMs: number, times = 1): Promise<void> {
    const isSaid = () => this.#log.filter((line) => line.includes(text)).length >= times;
    await this.#logs(isSaid, `has not said "${text}"`, timeoutMs);
  }

  async #logs(isThere: () => boolean, what: string, timeoutMs: number): Promise<void> {
    const heard = Promise.withResolvers<void>();
    const hear = () => {
      if (isThere()) heard.resolve();
    };
    this.#lines.on('line', hear);
    const timer = setTimeout(() => heard.reject(this.#failure(what)), timeoutMs);
    try {
      hear();
      await Promise.race([heard.promise, this.#running.promise]);
    } finally {
      this.#lines.off('line', hear);
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

  #failure(what: string): Error {
    const log = this.#log.slice(-logLinesMax).join('\n');
    return new Error(`tor ${what} (${this.#child.spawnargs.join(' ')}):\n${log}`);
  }
}

/** Whether a log tells of this stage or a later one: `Bootstrapped 95% (circuit_create): …`. */
export function hasReached(log: readonly string[], percent: number): boolean {
  return log.some((line) => Number(/\bBootstrapped (\d{1,3})%/.exec(line)?.[1] ?? -1) >= percent);
}

/** Says which package is missing when a program of tor's is not there. */
export function explainMissing(error: Error): Error {
  const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return isMissing ? new Error('tor is not installed: apt-get install tor', { cause: error }) : error;
}

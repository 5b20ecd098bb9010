import { spawn } from 'node:child_process';
import { buffer } from 'node:stream/consumers';

export interface RunOptions {
  readonly cwd?: string;
  /** The whole environment of the command; the caller's own where it is left out. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Written to standard input; without it the command reads an empty one. */
  readonly input?: string | Uint8Array;
  /** Where to look for how far a long command is: each line of its standard error. */
  readonly onLine?: (line: string) => void;
}

/** A command that ended with another code than 0. */
export class CommandFailed extends Error {
  readonly exitCode: number | null;
  readonly output: string;

  constructor(command: readonly string[], exitCode: number | null, output: string) {
    const tail = output.trim().split('\n').slice(-12).join('\n');
    super(`${command.slice(0, 6).join(' ')} ended with code ${exitCode ?? 'none (killed)'}:\n${tail}`);
    this.exitCode = exitCode;
    this.output = output;
  }
}

/** Runs a command to its end and returns its standard output as bytes. Throws CommandFailed, or when it cannot start. */
export async function runForBytes(command: readonly [string, ...string[]], options: RunOptions = {}): Promise<Buffer> {
  const [program, ...args] = command;
  const { cwd, environment, input, onLine } = options;
  const child = spawn(program, args, { cwd, env: environment ?? process.env, stdio: ['pipe', 'pipe', 'pipe'] });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  child.stdin.on('error', () => {}); // a command that reads nothing closes its input first: its exit code tells
  child.stdin.end(input);
  child.stderr.on('data', (data: Buffer) => {
    for (const line of data.toString().split('\n')) if (line.trim() !== '') onLine?.(line);
  });
  const [exitCode, stdout, stderr] = await Promise.all([closed, buffer(child.stdout), buffer(child.stderr)]);
  if (exitCode !== 0)
    throw new CommandFailed(command, exitCode, `${stdout.toString().slice(-4000)}\n${stderr.toString()}`);
  return stdout;
}

/** As `runForBytes`, for text. */
export async function run(command: readonly [string, ...string[]], options: RunOptions = {}): Promise<string> {
  return (await runForBytes(command, options)).toString();
}

/** Whether a command can be run and ends with code 0. */
export async function succeeds(command: readonly [string, ...string[]], options: RunOptions = {}): Promise<boolean> {
  try {
    await runForBytes(command, options);
    return true;
  } catch {
    return false;
  }
}

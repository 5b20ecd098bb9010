import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { StringDecoder } from 'node:string_decoder';
import { promisify } from 'node:util';
import { cliError } from '../errors.ts';

export interface TerminalOptions {
  readonly command: string;
  readonly columns: number;
  readonly rows: number;
  /** The terminal the command may read from; without it, it reads nothing. */
  readonly isInteractive: boolean;
  /** Ends the command. */
  readonly signal: AbortSignal;
  /** Shows the output to whoever records. */
  readonly echo: (output: Uint8Array) => void;
  readonly onEnd: (end: TerminalEnd) => void;
}

export interface TerminalEnd {
  readonly exitCode: number;
  /** `pty`: the command had a terminal, made by util-linux `script`. `pipe`: it had not. */
  readonly kind: 'pty' | 'pipe';
}

export const asciicastType = 'application/x-asciicast';

/**
 * Runs a command in a shell and gives its terminal's output as asciicast v2
 * (https://docs.asciinema.org/manual/asciicast/v2/): a header line, then `[seconds, "o", text]` lines as they happen,
 * and a marker with the exit status. Where util-linux `script` is there the command gets a pseudo-terminal; elsewhere
 * a pipe, which programs notice (no colours, no full-screen).
 * @throws COMMAND_FAILED when it cannot be started
 */
export async function* recordTerminal(options: TerminalOptions): AsyncGenerator<Uint8Array> {
  const { command, columns, rows, signal: stop, echo, onEnd } = options;
  const kind = (await hasScript()) ? 'pty' : 'pipe';
  const startedAt = performance.now();
  const header = { version: 2, width: columns, height: rows, timestamp: Math.floor(Date.now() / 1000), command };
  const line = (event: unknown): Uint8Array => Buffer.from(`${JSON.stringify(event)}\n`);
  const at = (): number => Math.round(performance.now() - startedAt) / 1000;
  yield line(header);
  const child = await start(options, kind);
  const kill = (): void => void child.kill('SIGTERM');
  stop.addEventListener('abort', kill);
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const decoder = new StringDecoder('utf8');
  for await (const piece of child.stdout ?? []) {
    const bytes = piece as Uint8Array;
    echo(bytes);
    const text = toTerminalText(decoder.write(Buffer.from(bytes)), kind);
    if (text !== '') yield line([at(), 'o', text]);
  }
  const rest = decoder.end();
  if (rest !== '') yield line([at(), 'o', toTerminalText(rest, kind)]);
  const [code, signal] = await closed;
  stop.removeEventListener('abort', kill);
  const exitCode = code ?? 128;
  yield line([at(), 'm', signal === null ? `exit ${exitCode}` : `killed by ${signal}`]);
  onEnd({ exitCode, kind });
}

/** A terminal ends lines with CR LF; what went through a pipe has to be given that. */
function toTerminalText(text: string, kind: TerminalEnd['kind']): string {
  return kind === 'pty' ? text : text.replaceAll(/(?<!\r)\n/g, '\r\n');
}

async function start({ command, columns, rows, isInteractive }: TerminalOptions, kind: TerminalEnd['kind']) {
  // Both sides of the shell's output end in one pipe, so that they keep their order.
  const [program, args] =
    kind === 'pty'
      ? ['script', ['--quiet', '--return', '--flush', '--command', withSize(command, columns, rows), '/dev/null']]
      : ['sh', ['-c', `exec 2>&1\n${command}`]];
  const child: ChildProcess = spawn(program, args, {
    stdio: [isInteractive ? 'inherit' : 'ignore', 'pipe', 'inherit'],
  });
  try {
    await once(child, 'spawn');
  } catch (cause) {
    throw cliError('COMMAND_FAILED', `The command could not be started: ${String(cause)}.`, { cause });
  }
  return child;
}

/** A new pseudo-terminal has no size until somebody gives it one. */
function withSize(command: string, columns: number, rows: number): string {
  return `stty cols ${columns} rows ${rows} 2>/dev/null\n${command}`;
}

/** Whether util-linux `script` is installed; BSD's namesake takes other options. */
async function hasScript(): Promise<boolean> {
  try {
    const { stdout } = await promisify(execFile)('script', ['--version'], { timeout: 2000 });
    return stdout.includes('util-linux');
  } catch {
    return false;
  }
}

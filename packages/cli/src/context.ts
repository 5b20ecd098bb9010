import type { ReadStream, WriteStream } from 'node:tty';
import type { CliConfig } from './config.ts';

/** What a command has of the process it runs in. */
export interface CliContext {
  readonly config: CliConfig;
  readonly stdin: ReadStream;
  readonly stdout: WriteStream;
  readonly stderr: WriteStream;
  /** From now on the first Ctrl-C or SIGTERM aborts the signal instead of ending the process. */
  onInterrupt(): AbortSignal;
}

/** Options every command has. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly gateway?: string;
  readonly socks?: string;
  /** Of `lucid tunnel …` alone. */
  readonly tunnels?: string;
}

#!/usr/bin/env node
import { loadCliConfig } from './config.ts';
import type { CliContext } from './context.ts';
import { cliError, exitCodeOf } from './errors.ts';
import { formatError } from './output.ts';
import { runProgram } from './program.ts';

/** The process's side of a command: streams, environment, signals, exit code. */
async function main(): Promise<void> {
  const { stdin, stdout, stderr } = process;
  const isJson = process.argv.includes('--json');
  // `lucid … | head` closes the pipe early: nothing is left to say to anybody.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  try {
    const context: CliContext = { config: loadCliConfig(process.env), stdin, stdout, stderr, onInterrupt };
    process.exitCode = await runProgram(context, process.argv.slice(2));
  } catch (error) {
    stderr.write(formatError(error, isJson));
    process.exitCode = exitCodeOf(error);
  }
}

/** The first signal asks the command to stop; the second, being nobody's any more, ends the process. */
function onInterrupt(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    controller.abort(cliError('INTERRUPTED', 'Stopped.'));
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  return controller.signal;
}

await main();

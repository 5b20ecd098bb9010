import { Command, CommanderError } from 'commander';
import type { Lazily } from './command.ts';
import { chainCommands } from './commands/chain-commands.ts';
import { completionCommands } from './commands/completion-commands.ts';
import { govCommands } from './commands/gov-commands.ts';
import { ledgerCommands } from './commands/ledger-commands.ts';
import { machineCommands } from './commands/machine-commands.ts';
import { sessionCommands } from './commands/session-commands.ts';
import { signInCommands } from './commands/sign-in-commands.ts';
import { tunnelCommands } from './commands/tunnel-commands.ts';
import { defaultGatewayUrl } from './config.ts';
import type { CliContext } from './context.ts';
import { cliError, type ExitCode, exitCodes } from './errors.ts';
import { createOutput, formatError } from './output.ts';
import { version } from './version.ts';

/**
 * Runs one command line.
 * @returns the exit code; what fails is thrown
 */
export async function runProgram(context: CliContext, argv: readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.ok;
  const lazily: Lazily =
    (load) =>
    async (...all) => {
      const command = all.pop() as Command;
      all.pop(); // the command's own options, which are among those below
      const options = command.optsWithGlobals();
      const { run } = await load();
      try {
        exitCode =
          (await run(context, createOutput(context, options), options as never, ...(all as string[]))) ?? exitCode;
      } catch (error) {
        const { nameGateway } = await import('./connection.ts');
        throw await nameGateway(context, options, error);
      }
    };
  const program = createProgram(context, lazily, argv.includes('--json'));
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // It has said what is wrong, or shown the help that was asked for.
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
  return exitCode;
}

function createProgram({ stdout, stderr }: CliContext, lazily: Lazily, isJson: boolean): Command {
  const program = new Command('lucid')
    .description('Records remote sessions, proves what happened, and governs the network that keeps the proof.')
    .version(version)
    .option('--json', 'print the result as JSON, errors too')
    .option('--quiet', 'no progress and no remarks')
    .option(
      '--gateway <url>',
      `the platform’s gateway (LUCID_GATEWAY_URL, else where you are signed in, else ${defaultGatewayUrl})`,
    )
    .option(
      '--socks <proxy>',
      'reach the platform through tor: HOST:PORT or unix:PATH of its SOCKS port; what an .onion gateway needs (LUCID_SOCKS)',
    )
    .exitOverride()
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      outputError: (text, write) => write(isJson ? usageProblem(text) : text),
    })
    .showHelpAfterError(isJson ? false : '(--help says more)')
    .addHelpText(
      'after',
      '\nStart: lucid login --setup-code CODE --username me, then lucid session record FILE --seal, lucid session export latest.\n' +
        'Exit codes: 0 done, 1 refused, 2 usage, 3 local file or key, 4 not allowed, 5 not reachable, 6 proof does not hold,\n130 stopped.',
    );
  for (const add of [
    machineCommands,
    signInCommands,
    sessionCommands,
    ledgerCommands,
    chainCommands,
    govCommands,
    tunnelCommands,
    completionCommands,
  ])
    add(program, lazily);
  return program;
}

function usageProblem(text: string): string {
  return formatError(cliError('USAGE_INVALID', text.replace(/^error: /, '').trim()), true);
}

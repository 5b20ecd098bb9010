import { Argument, type Command } from 'commander';
import type { Lazily, Run } from '../command.ts';
import { createCompletion, type Shell, shells } from '../completion.ts';

/** completion: the one command that looks at all the others. */
export function completionCommands(program: Command, lazily: Lazily): void {
  const run: Run<object> = async (_context, output, _options, shell) => {
    const script = createCompletion(program, shell as Shell);
    output.result({ shell, script }, script);
  };
  program
    .command('completion')
    .description('print a script that completes lucid’s commands and options; to be read by the shell at its start')
    .addArgument(new Argument('<shell>').choices(shells))
    .action(lazily(async () => ({ run })));
}

import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { CliContext } from './context.ts';
import { cliError } from './errors.ts';

/** Asks a person for a secret without showing it; from a pipe it is the first line. @throws USAGE_INVALID when empty */
export async function askSecret({ stdin, stderr }: CliContext, prompt: string): Promise<string> {
  const isPerson = stdin.isTTY && stderr.isTTY;
  if (isPerson) stderr.write(prompt);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: nowhere, terminal: isPerson });
  try {
    const secret = await new Promise<string>((resolve) => {
      lines.once('line', resolve).once('close', () => resolve(''));
    });
    if (secret === '') throw cliError('USAGE_INVALID', `${prompt.replace(/: $/, '')}: nothing was given.`);
    return secret;
  } finally {
    lines.close();
    if (isPerson) stderr.write('\n');
  }
}

import { InvalidArgumentError } from 'commander';
import type { CliContext, GlobalOptions } from './context.ts';
import type { ExitCode } from './errors.ts';
import type { Output } from './output.ts';

/** What a command's own file exports: does the work, answers an exit code other than 0 where success is not all. */
export type Run<Options> = (
  context: CliContext,
  output: Output,
  options: Options & GlobalOptions,
  ...args: (string | undefined)[]
) => Promise<ExitCode | void>;

/** Makes a command's action: its file is loaded only when it runs, so that `lucid --help` is quick. */
export type Lazily = <Options>(load: () => Promise<{ run: Run<Options> }>) => (...args: unknown[]) => Promise<void>;

/** Reads an option that is a whole number of at least `min`. */
export function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min) return value;
    throw new InvalidArgumentError(`A whole number from ${min} on is needed.`);
  };
}

/** Reads an option that is a list of names, separated by commas. */
export function splitNames(text: string): readonly string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
}

/** Gathers an option that may be given several times. */
export function gather(value: string, gathered: readonly string[] = []): readonly string[] {
  return [...gathered, value];
}

import { AppError } from '../errors.ts';

/** The error of every parser and verifier here: input from outside that does not hold. Status 400, never an engine error. */
export function malformed(code: string, detail: string, data?: Readonly<Record<string, unknown>>): AppError {
  return new AppError(code, detail, data === undefined ? { status: 400 } : { status: 400, data });
}

import { isAppError } from '../../src/errors.ts';

/** The code `act` fails with; undefined when it does not. An error without a code passes on: parsers owe one. */
export function codeOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (!isAppError(error)) throw error;
    return error.code;
  }
}

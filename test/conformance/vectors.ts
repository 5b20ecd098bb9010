import { readFileSync } from 'node:fs';
import { isAppError } from '@lucid/common/errors';

/** Reads a vector file; the test says its shape, and is what holds it to that. */
export function readVectors(kind: 'valid' | 'invalid', name: string): unknown {
  return JSON.parse(readFileSync(new URL(`vectors/${kind}/${name}.json`, import.meta.url), 'utf8'));
}

/** The code `act` fails with, undefined when it does not; an error without a code passes on, because parsers owe one. */
export async function failureCode(act: () => unknown): Promise<string | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    if (!isAppError(error)) throw error;
    return error.code;
  }
}

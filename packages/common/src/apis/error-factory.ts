import { AppError, type AppErrorOptions } from '../errors.ts';
import type { ErrorCatalogue } from './api.ts';
import { type CommonErrorCode, commonErrors } from './common-errors.ts';

/**
 * Makes the function a service throws with: the code is checked at compile time, its status comes from the catalogue.
 * @example throw ledgerError('LEDGER_ENTRY_TOO_LARGE', 'An entry is at most 4096 bytes; this one is 5000.');
 */
export function errorFactory<C extends ErrorCatalogue>(catalogue: C) {
  const all: ErrorCatalogue = { ...commonErrors, ...catalogue };
  return (code: (keyof C & string) | CommonErrorCode, detail: string, options: Omit<AppErrorOptions, 'status'> = {}) =>
    new AppError(code, detail, { ...options, status: all[code]?.status ?? 500 });
}

/** Throws with the codes every service shares. */
export const commonError = errorFactory({});

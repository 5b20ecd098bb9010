import { errorFactory } from '@lucid/common/apis/error-factory';
import { ledgerApi } from '@lucid/common/apis/ledger';
import { AppError } from '@lucid/common/errors';

/** Throws with the codes the ledger's API documents. */
export const ledgerError = errorFactory(ledgerApi.errors);

/** Why the log is not opened. They reach the operator through the process's log, never a client. */
export const startErrors = {
  LEDGER_STORE_BEHIND: 'The store holds fewer entries than the last published checkpoint: an older copy of it.',
  LEDGER_STORE_FORKED: 'The store holds another tree than the last published checkpoint says.',
  LEDGER_STORE_DAMAGED: 'The store contradicts itself.',
  LEDGER_PUBLISHED_MISSING: 'The store has entries, but the file of the last published checkpoint is not there.',
  LEDGER_PUBLISHED_INVALID: "The last published checkpoint is not one of this log's key and origin.",
  LEDGER_PUBLISHED_DAMAGED: 'The file of the last published checkpoint holds no whole checkpoint.',
  LEDGER_KEY_INVALID: "The log's key is not an Ed25519 private key in PKCS#8 PEM.",
} as const;

export function startError(code: keyof typeof startErrors, advice: string, cause?: unknown): AppError {
  return new AppError(code, `${startErrors[code]} ${advice}`, cause === undefined ? {} : { cause });
}

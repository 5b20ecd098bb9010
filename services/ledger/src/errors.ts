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
  LEDGER_STORE_FORMAT: 'The store is of a format this version does not read.',
  LEDGER_PUBLISHED_MISSING: 'The store has entries, but the file of the last published checkpoint is not there.',
  LEDGER_PUBLISHED_INVALID: "The last published checkpoint is not one of this log's key and origin.",
  LEDGER_PUBLISHED_LOCKED: 'Another process has the file of the last published checkpoint open.',
  LEDGER_PUBLISHED_CHANGED: 'Something else has written the file of the last published checkpoint.',
  LEDGER_PUBLISHED_DAMAGED: 'The file of the last published checkpoint holds no whole checkpoint.',
  LEDGER_KEY_INVALID: "The log's key is not an Ed25519 private key in PKCS#8 PEM.",
  LEDGER_WITNESS_POLICY_INVALID: 'The policy that checkpoints must meet is none, or cannot be met.',
  LEDGER_WITNESS_KEY_INVALID: "The witness's key file holds no Ed25519 or ML-DSA-44 private key in PKCS#8 PEM.",
  LEDGER_WITNESS_LOGS_INVALID: 'The list of logs to cosign cannot be read.',
  LEDGER_WITNESS_STATE_BEHIND: "The witness's state is an older copy, or another's.",
  LEDGER_WITNESS_MARK_MISSING: 'The witness has state, but the file that says how new it must be is not there.',
} as const;

export function startError(code: keyof typeof startErrors, advice: string, cause?: unknown): AppError {
  return new AppError(code, `${startErrors[code]} ${advice}`, cause === undefined ? {} : { cause });
}

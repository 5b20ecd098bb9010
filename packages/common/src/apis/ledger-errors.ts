import type { ErrorCatalogue } from './api.ts';

/** The ledger's own codes; the common ones stand beside them. */
export const ledgerErrors = {
  LEDGER_LOG_NOT_FOUND: { status: 404, doc: 'There is no log of this name; `GET /logs` lists them.' },
  LEDGER_ENTRY_EMPTY: { status: 400, doc: 'An entry has at least one byte.' },
  LEDGER_ENTRY_TOO_LARGE: { status: 413, doc: 'An entry is at most 4096 bytes; the payload lives elsewhere.' },
  LEDGER_ENTRY_RESERVED: {
    status: 403,
    doc: "Entries of Lucid's own types are for the one service whose word they are: a verifier takes them for it.",
  },
  LEDGER_ENTRY_NOT_FOUND: { status: 404, doc: 'The log has no such entry (yet).' },
  LEDGER_BATCH_MALFORMED: {
    status: 400,
    doc: 'The batch is not entries each after its size as uint16, big-endian, or it has none.',
  },
  LEDGER_BATCH_TOO_LARGE: { status: 413, doc: 'A batch is at most 1000 entries.' },
  LEDGER_KEY_NOT_FOUND: { status: 404, doc: 'Nothing was appended under this Idempotency-Key by this subject.' },
  LEDGER_TILE_NOT_FOUND: { status: 404, doc: 'The log has no such tile (yet), or the path is not a tile path.' },
  LEDGER_RANGE_INVALID: { status: 400, doc: 'The sizes or the index are not of the tree as it is.' },
  LEDGER_RECEIPT_PENDING: {
    status: 503,
    doc: 'The entry is durable; the checkpoint over it is not published yet. Ask for the receipt again.',
  },
  LEDGER_FOLLOWER_LIMIT: { status: 429, doc: 'This client follows the logs as often as one client may.' },
  LEDGER_FOLLOWERS_FULL: { status: 503, doc: 'As many clients follow the logs as there are places; try again.' },
  LEDGER_VERIFY_RUNNING: { status: 409, doc: 'The log is being verified already; one run at a time.' },
  LEDGER_UNAVAILABLE: { status: 503, doc: 'A write failed, so the log is being reopened; try again.' },
  IDEMPOTENCY_KEY_INVALID: { status: 400, doc: 'An Idempotency-Key is 1 to 255 visible ASCII characters.' },
  STORE_BUSY: { status: 503, doc: 'Too many appends are waiting; try again.' },
  STORE_CLOSED: { status: 503, doc: 'The service is closing; try again.' },
  STORE_FAILED: {
    status: 503,
    doc: 'The write failed and its outcome is unknown; the same Idempotency-Key settles it when tried again.',
  },
} as const satisfies ErrorCatalogue;

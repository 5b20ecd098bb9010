import Type from 'typebox';
import { defineApi } from './api.ts';
import { ledgerErrors } from './ledger-errors.ts';
import { inLogs, logOperations } from './ledger-log.ts';
import { LogSummary } from './ledger-schemas.ts';
import { witnessErrors, witnessOperations } from './ledger-witness.ts';
import { strictObject } from './schemas.ts';

/** The append-only verifiable logs: RFC 6962 trees, C2SP checkpoints, tiles and receipts. */
export const ledgerApi = defineApi({
  service: 'ledger',
  title: 'Lucid ledger',
  description:
    'The append-only verifiable logs. Entries are commitments and public; anybody may read, check and mirror them. ' +
    'Appending needs the role service or operator. The log `lucid` is at the root; every log, that one too, is under ' +
    '`/logs/{log}`.',
  errors: { ...ledgerErrors, ...witnessErrors },
  operations: {
    ...logOperations,
    listLogs: {
      method: 'GET',
      path: '/logs',
      summary: 'List the logs',
      tag: 'ledger',
      access: 'public',
      responses: {
        200: { description: 'Every log of this ledger', schema: strictObject({ items: Type.Array(LogSummary) }) },
      },
    },
    ...inLogs(logOperations),
    ...witnessOperations,
  },
});

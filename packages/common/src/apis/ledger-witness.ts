import Type from 'typebox';
import type { Operations } from './api.ts';
import { strictObject } from './schemas.ts';

const tag = 'witness';
const text = 'text/plain; charset=utf-8';

/** The witness a ledger can be for other logs: c2sp.org/tlog-witness. */
export const witnessOperations = {
  addCheckpoint: {
    method: 'POST',
    path: '/witness/add-checkpoint',
    summary: 'Have a checkpoint of another log cosigned (c2sp.org/tlog-witness)',
    description:
      'A line `old <size>`, the consistency proof from that size in base 64, a hash a line, an empty line, and the ' +
      'signed checkpoint. A 409 has as its body the size that was cosigned last.',
    tag,
    access: 'public',
    rawBody: { contentTypes: ['text/plain', 'application/octet-stream'], mode: 'buffer', anyType: true },
    bodyBytesMax: 128 * 1024,
    responses: {
      200: { description: 'Signature lines: the cosignatures', contentType: text },
      409: { description: 'The size that was cosigned last, in decimal', contentType: 'text/x.tlog.size' },
    },
    errors: [
      'LEDGER_WITNESS_OFF',
      'LEDGER_WITNESS_REQUEST_MALFORMED',
      'LEDGER_WITNESS_LOG_UNKNOWN',
      'LEDGER_WITNESS_UNSIGNED',
      'LEDGER_WITNESS_INCONSISTENT',
      'LEDGER_WITNESS_LIMIT',
      'LEDGER_WITNESS_BEHIND',
      'STORE_BUSY',
      'STORE_CLOSED',
      'STORE_FAILED',
    ],
  },
  getWitnessedCheckpoint: {
    method: 'GET',
    path: '/witness/{originHash}/checkpoint',
    summary: 'Get the checkpoint of a log that was cosigned last',
    tag,
    access: 'public',
    params: strictObject({
      originHash: Type.String({ pattern: '^[0-9a-f]{64}$', description: "SHA-256 of the log's origin, in hex" }),
    }),
    responses: { 200: { description: 'A signed note with the cosignatures', contentType: text } },
    errors: ['LEDGER_WITNESS_OFF', 'LEDGER_WITNESS_CHECKPOINT_NOT_FOUND'],
  },
  getWitness: {
    method: 'GET',
    path: '/witness',
    summary: "Get the witness's keys and the logs it cosigns",
    tag,
    access: 'public',
    responses: {
      200: {
        description: 'What a log or a verifier needs to name this witness in its policy',
        schema: strictObject({
          name: Type.String(),
          verifierKeys: Type.Array(Type.String({ description: 'c2sp.org/signed-note vkey' })),
          origins: Type.Array(Type.String({ description: 'Of a log that is cosigned here' })),
        }),
      },
    },
    errors: ['LEDGER_WITNESS_OFF'],
  },
} as const satisfies Operations;

/** What a witness refuses with. */
export const witnessErrors = {
  LEDGER_WITNESS_OFF: { status: 404, doc: 'This ledger is no witness: its operator has given it no witness key.' },
  LEDGER_WITNESS_REQUEST_MALFORMED: { status: 400, doc: 'The request is not one of c2sp.org/tlog-witness.' },
  LEDGER_WITNESS_LOG_UNKNOWN: { status: 404, doc: 'The witness does not cosign the log of this origin.' },
  LEDGER_WITNESS_UNSIGNED: {
    status: 403,
    doc: 'No key that the witness knows for the log has signed the checkpoint, or its signature is wrong.',
  },
  LEDGER_WITNESS_INCONSISTENT: {
    status: 422,
    doc: 'The checkpoint is not shown to follow from the one that was cosigned last.',
  },
  LEDGER_WITNESS_LIMIT: { status: 429, doc: 'The log brings more checkpoints than the witness takes from it.' },
  LEDGER_WITNESS_BEHIND: {
    status: 503,
    doc: "The checkpoint carries the witness's own cosignature, of which it has no record: its state was put back.",
  },
  LEDGER_WITNESS_CHECKPOINT_NOT_FOUND: { status: 404, doc: 'No checkpoint of such a log was cosigned here.' },
} as const;

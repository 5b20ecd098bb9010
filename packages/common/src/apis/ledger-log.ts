import Type, { type TObject, type TProperties, type TString } from 'typebox';
import type { Access, Operation, Operations } from './api.ts';
import {
  Appended,
  AppendedBatch,
  ConsistencyProof,
  Entry,
  EntryText,
  InclusionProof,
  inclusionQuery,
  KeyedAppend,
  LeafIndex,
  LogName,
  LogReport,
  LogView,
  ledgerBatchMax,
  packedEntriesType,
  receiptQuery,
} from './ledger-schemas.ts';
import { Hash32, page, pageQuery, strictObject } from './schemas.ts';

const appendErrors = [
  'LEDGER_ENTRY_EMPTY',
  'LEDGER_ENTRY_RESERVED',
  'LEDGER_ENTRY_TOO_LARGE',
  'LEDGER_UNAVAILABLE',
  'IDEMPOTENCY_KEY_INVALID',
  'STORE_BUSY',
  'STORE_CLOSED',
  'STORE_FAILED',
] as const;

const appenders: Access = { roles: ['service', 'operator'] };
const tag = 'ledger';
const text = 'text/plain; charset=utf-8';
const conditional = Type.Object({ 'if-none-match': Type.Optional(Type.String({ maxLength: 1024 })) });
const From = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'First index' });

/** Appending to one log. */
const appending = {
  appendEntry: {
    method: 'POST',
    path: '/entries',
    summary: 'Append an entry',
    description: 'Answered once the entry is on the disk. The same Idempotency-Key answers the same index, for ever.',
    tag,
    access: appenders,
    query: strictObject(receiptQuery),
    body: strictObject({ entry: EntryText }),
    rawBody: { contentTypes: ['application/octet-stream'], mode: 'buffer' },
    bodyBytesMax: 16 * 1024,
    responses: { 201: { description: 'The entry is durable at this index', schema: Appended } },
    errors: [...appendErrors],
    idempotencyKey: true,
  },
  appendEntries: {
    method: 'POST',
    path: '/entries:batch',
    summary: 'Append several entries, next to one another, all or none',
    description:
      `As JSON, or as \`${packedEntriesType}\`: each entry after its size as uint16, big-endian, at most 1000 of them. ` +
      'Leaf hashes are not answered: they are SHA-256(0x00 ‖ entry).',
    tag,
    access: appenders,
    query: strictObject(receiptQuery),
    body: strictObject({ entries: Type.Array(EntryText, { minItems: 1, maxItems: ledgerBatchMax }) }),
    rawBody: { contentTypes: [packedEntriesType], mode: 'buffer' },
    bodyBytesMax: 6 * 1024 * 1024,
    responses: { 201: { description: 'The entries are durable from this index on', schema: AppendedBatch } },
    errors: [...appendErrors, 'LEDGER_BATCH_MALFORMED', 'LEDGER_BATCH_TOO_LARGE'],
    idempotencyKey: true,
  },
  addEntry: {
    method: 'POST',
    path: '/add',
    summary: 'Append the body, of any content type, and answer its index in decimal',
    description: 'What log clients made for Tessera expect; the rules and roles are those of `POST /entries`.',
    tag,
    access: appenders,
    rawBody: { contentTypes: ['application/octet-stream'], mode: 'buffer', anyType: true },
    bodyBytesMax: 16 * 1024,
    responses: { 200: { description: 'The index, in ASCII', contentType: text } },
    errors: [...appendErrors],
    idempotencyKey: true,
  },
} as const satisfies Operations;

/** Reading entries of one log. */
const reading = {
  listEntries: {
    method: 'GET',
    path: '/entries',
    summary: 'List entries by index',
    tag,
    access: 'public',
    query: strictObject({ ...pageQuery, from: Type.Optional(From) }),
    responses: { 200: { description: 'Entries in index order', schema: page(Entry) } },
    errors: ['CURSOR_INVALID', 'LEDGER_UNAVAILABLE'],
  },
  readEntries: {
    method: 'GET',
    path: '/entries:batch',
    summary: 'Read a range of entries as bytes',
    description:
      'Each entry after its size as uint16, big-endian: what `POST /entries:batch` takes. Fewer than `limit` come at ' +
      'the end of the log, none (0 bytes) past it.',
    tag,
    access: 'public',
    query: strictObject({
      from: From,
      limit: Type.Optional(
        Type.Integer({ minimum: 1, maximum: ledgerBatchMax, default: 256, description: 'Entries, at most' }),
      ),
    }),
    responses: { 200: { description: 'The entries', contentType: packedEntriesType } },
    errors: ['LEDGER_UNAVAILABLE'],
  },
  getEntry: {
    method: 'GET',
    path: '/entries/{leafIndex}',
    summary: 'Read an entry by its index',
    tag,
    access: 'public',
    params: strictObject({ leafIndex: LeafIndex }),
    responses: { 200: { description: 'The entry', schema: Entry } },
    errors: ['LEDGER_ENTRY_NOT_FOUND', 'LEDGER_UNAVAILABLE'],
  },
  findEntryByHash: {
    method: 'GET',
    path: '/entries/by-hash/{leafHash}',
    summary: 'Find the first entry with a leaf hash',
    description: 'The index behind this is a convenience and not authenticated: absence proves nothing.',
    tag,
    access: 'public',
    params: strictObject({ leafHash: Hash32 }),
    responses: { 200: { description: 'The entry', schema: Entry } },
    errors: ['LEDGER_ENTRY_NOT_FOUND', 'LEDGER_UNAVAILABLE'],
  },
  findEntriesByKey: {
    method: 'GET',
    path: '/entries/by-key',
    summary: 'Find what the caller appended under an Idempotency-Key',
    description: "A subject's keys mean nothing to another: only its own are found.",
    tag,
    access: appenders,
    query: strictObject({ key: Type.String({ minLength: 1, maxLength: 255, description: 'The Idempotency-Key' }) }),
    responses: { 200: { description: 'The first index, and how many entries', schema: KeyedAppend } },
    errors: ['IDEMPOTENCY_KEY_INVALID', 'LEDGER_KEY_NOT_FOUND', 'LEDGER_UNAVAILABLE'],
  },
  getReceipt: {
    method: 'GET',
    path: '/entries/{leafIndex}/receipt',
    summary: "Get an entry's receipt, a file that stands alone",
    description: 'c2sp.org/tlog-proof@v1 against the latest checkpoint.',
    tag,
    access: 'public',
    params: strictObject({ leafIndex: LeafIndex }),
    responses: { 200: { description: 'The receipt', contentType: text } },
    errors: ['LEDGER_ENTRY_NOT_FOUND', 'LEDGER_RECEIPT_PENDING', 'LEDGER_UNAVAILABLE'],
  },
  followLog: {
    method: 'GET',
    path: '/follow',
    summary: 'Follow the log: its entries as they are published, and its checkpoints',
    description:
      'Server-sent events. `entry`: `{leafIndex, leafHash, entry}`, its id the index. `checkpoint`: the signed note over ' +
      'every entry sent before it, a `data` line for each of its lines. From `from` on, or from what is published ' +
      'later; after a break from the entry past `Last-Event-ID`, which goes before `from`. A comment comes when there ' +
      'is nothing to say for 15 s; a client that reads nothing for 30 s is cut off.',
    tag,
    access: 'public',
    query: strictObject({ from: Type.Optional(From) }),
    headers: Type.Object({
      'last-event-id': Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER - 1 })),
    }),
    responses: { 200: { description: 'Events, without end', contentType: 'text/event-stream' } },
    errors: ['LEDGER_FOLLOWER_LIMIT', 'LEDGER_FOLLOWERS_FULL', 'LEDGER_RANGE_INVALID', 'LEDGER_UNAVAILABLE'],
  },
} as const satisfies Operations;

/** Proofs and the static face of one log. */
const proving = {
  getInclusionProof: {
    method: 'GET',
    path: '/proofs/inclusion',
    summary: 'Prove that an entry is in a tree of some size',
    description: 'By index, or by leaf hash: exactly one of them. Of entries that are the same, the first is proved.',
    tag,
    access: 'public',
    query: strictObject(inclusionQuery),
    responses: { 200: { description: 'RFC 6962 §2.1.1', schema: InclusionProof } },
    errors: ['LEDGER_ENTRY_NOT_FOUND', 'LEDGER_RANGE_INVALID', 'LEDGER_UNAVAILABLE'],
  },
  getConsistencyProof: {
    method: 'GET',
    path: '/proofs/consistency',
    summary: 'Prove that a tree only appends to an older one',
    tag,
    access: 'public',
    query: strictObject({
      oldSize: Type.Integer({ minimum: 1 }),
      newSize: Type.Optional(Type.Integer({ minimum: 1, description: "The latest checkpoint's unless given" })),
    }),
    responses: { 200: { description: 'RFC 6962 §2.1.2', schema: ConsistencyProof } },
    errors: ['LEDGER_RANGE_INVALID', 'LEDGER_UNAVAILABLE'],
  },
  getCheckpoint: {
    method: 'GET',
    path: '/checkpoint',
    summary: 'Get the latest signed checkpoint (c2sp.org/tlog-checkpoint)',
    tag,
    access: 'public',
    headers: conditional,
    responses: {
      200: { description: 'A signed note', contentType: text },
      304: { description: 'Not changed since the tag in `If-None-Match`' },
    },
    errors: ['LEDGER_UNAVAILABLE'],
  },
  getTile: {
    method: 'GET',
    path: '/tile/{+path}',
    summary: 'Get a tile or an entry bundle (c2sp.org/tlog-tiles)',
    description:
      '`tile/<level>/<index>[.p/<width>]` or `tile/entries/<index>[.p/<width>]`; never changes once given. Bundles ' +
      'are compressed for clients that take gzip.',
    tag,
    access: 'public',
    params: strictObject({ '*': Type.String({ minLength: 1, maxLength: 64 }) }),
    responses: { 200: { description: 'Hashes, or size-prefixed entries', contentType: 'application/octet-stream' } },
    errors: ['LEDGER_TILE_NOT_FOUND', 'LEDGER_UNAVAILABLE'],
  },
  getLogKey: {
    method: 'GET',
    path: '/log',
    summary: "Get the log's origin, its verifier key and its size",
    tag,
    access: 'public',
    responses: { 200: { description: 'What a verifier needs to trust the log', schema: LogView } },
    errors: ['LEDGER_UNAVAILABLE'],
  },
  verifyLog: {
    method: 'POST',
    path: '/log/verify',
    summary: 'Read the whole log and check every hash, tile, index and signature',
    tag,
    access: { roles: ['operator', 'admin'] },
    responses: { 200: { description: 'What was checked, and what does not hold', schema: LogReport } },
    errors: ['LEDGER_VERIFY_RUNNING', 'LEDGER_UNAVAILABLE'],
  },
} as const satisfies Operations;

/** What can be asked of one log: the default one at the root, each under `/logs/{log}`. */
export const logOperations = { ...appending, ...reading, ...proving } as const satisfies Operations;

export type LogOperations = typeof logOperations;

type InLogParams<P> =
  P extends TObject<infer T extends TProperties> ? TObject<{ log: TString } & T> : TObject<{ log: TString }>;

/** The operation under `/logs/{log}`. */
export type InLog<O extends Operation> = Omit<O, 'path' | 'params'> & {
  readonly path: `/logs/{log}/${string}`;
  readonly params: InLogParams<O['params']>;
};

export type OperationsInLogs<O extends Operations> = {
  readonly [K in keyof O & string as `${K}InLog`]: InLog<O[K]>;
};

/** The same operations under `/logs/{log}`, each called what it is called at the root with `InLog` after it. */
export function inLogs<const O extends Operations>(operations: O): OperationsInLogs<O> {
  const moved = Object.entries(operations).map(([operationId, operation]) => [
    `${operationId}InLog`,
    {
      ...operation,
      summary: `${operation.summary} (of one of several logs)`,
      path: `/logs/{log}${operation.path}`,
      params: strictObject({ log: LogName, ...operation.params?.properties }),
      errors: [...(operation.errors ?? []), 'LEDGER_LOG_NOT_FOUND'],
    },
  ]);
  return Object.fromEntries(moved) as OperationsInLogs<O>;
}

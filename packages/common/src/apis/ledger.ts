import Type from 'typebox';
import { type Access, defineApi, type ErrorCatalogue } from './api.ts';
import { Base64, Hash32, page, pageQuery, strictObject, Uint64 } from './schemas.ts';

/** An entry's size in bytes, at most: commitments go in, payloads live elsewhere. */
export const ledgerEntryBytesMax = 4096;
/** Entries of one batch, at most. */
export const ledgerBatchMax = 1000;

const errors = {
  LEDGER_ENTRY_EMPTY: { status: 400, doc: 'An entry has at least one byte.' },
  LEDGER_ENTRY_TOO_LARGE: { status: 413, doc: 'An entry is at most 4096 bytes; the payload lives elsewhere.' },
  LEDGER_ENTRY_RESERVED: {
    status: 403,
    doc: "Entries of Lucid's own types are for the one service whose word they are: a verifier takes them for it.",
  },
  LEDGER_ENTRY_NOT_FOUND: { status: 404, doc: 'The log has no such entry (yet).' },
  LEDGER_TILE_NOT_FOUND: { status: 404, doc: 'The log has no such tile (yet), or the path is not a tile path.' },
  LEDGER_RANGE_INVALID: { status: 400, doc: 'The sizes or the index are not of the tree as it is.' },
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

const Receipt = Type.String({ description: 'c2sp.org/tlog-proof@v1: index, inclusion path and signed checkpoint' });
const LeafIndex = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: '0-based' });
const Path = Type.Array(Hash32, { maxItems: 64, description: "The proof's hashes, lowest level first" });

const Appended = strictObject({
  leafIndex: LeafIndex,
  leafHash: Hash32,
  treeSize: Type.Optional(Type.Integer({ minimum: 1, description: "Of the receipt's checkpoint" })),
  receipt: Type.Optional(Receipt),
});
const Entry = strictObject({ leafIndex: LeafIndex, leafHash: Hash32, entry: Base64 });
const appendQuery = strictObject({
  receipt: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 1, description: '1 waits for the checkpoint and adds the receipt' }),
  ),
});

/** The append-only verifiable log: RFC 6962 tree, C2SP checkpoints, tiles and receipts. */
export const ledgerApi = defineApi({
  service: 'ledger',
  title: 'Lucid ledger',
  description:
    'The append-only verifiable log. Entries are commitments and public; anybody may read, check and mirror them. ' +
    'Appending needs the role service or operator.',
  errors,
  operations: {
    appendEntry: {
      method: 'POST',
      path: '/entries',
      summary: 'Append an entry',
      description: 'Answered once the entry is on the disk. The same Idempotency-Key answers the same index, for ever.',
      tag,
      access: appenders,
      query: appendQuery,
      body: strictObject({ entry: Base64 }),
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
      tag,
      access: appenders,
      query: appendQuery,
      body: strictObject({ entries: Type.Array(Base64, { minItems: 1, maxItems: ledgerBatchMax }) }),
      bodyBytesMax: 6 * 1024 * 1024,
      responses: {
        201: { description: 'The entries are durable', schema: strictObject({ items: Type.Array(Appended) }) },
      },
      errors: [...appendErrors],
      idempotencyKey: true,
    },
    listEntries: {
      method: 'GET',
      path: '/entries',
      summary: 'List entries by index',
      tag,
      access: 'public',
      query: strictObject({
        ...pageQuery,
        from: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'First index' })),
      }),
      responses: { 200: { description: 'Entries in index order', schema: page(Entry) } },
      errors: ['CURSOR_INVALID', 'LEDGER_UNAVAILABLE'],
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
    getReceipt: {
      method: 'GET',
      path: '/entries/{leafIndex}/receipt',
      summary: "Get an entry's receipt, a file that stands alone",
      description: 'c2sp.org/tlog-proof@v1 against the latest checkpoint.',
      tag,
      access: 'public',
      params: strictObject({ leafIndex: LeafIndex }),
      responses: { 200: { description: 'The receipt', contentType: 'text/plain; charset=utf-8' } },
      errors: ['LEDGER_ENTRY_NOT_FOUND', 'LEDGER_UNAVAILABLE'],
    },
    getInclusionProof: {
      method: 'GET',
      path: '/proofs/inclusion',
      summary: 'Prove that an entry is in a tree of some size',
      tag,
      access: 'public',
      query: strictObject({
        leafIndex: LeafIndex,
        treeSize: Type.Optional(Type.Integer({ minimum: 1, description: "The latest checkpoint's unless given" })),
      }),
      responses: {
        200: {
          description: 'RFC 6962 §2.1.1',
          schema: strictObject({
            leafIndex: LeafIndex,
            treeSize: Uint64,
            leafHash: Hash32,
            rootHash: Hash32,
            proof: Path,
          }),
        },
      },
      errors: ['LEDGER_RANGE_INVALID', 'LEDGER_UNAVAILABLE'],
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
      responses: {
        200: {
          description: 'RFC 6962 §2.1.2',
          schema: strictObject({ oldSize: Uint64, newSize: Uint64, oldRoot: Hash32, newRoot: Hash32, proof: Path }),
        },
      },
      errors: ['LEDGER_RANGE_INVALID', 'LEDGER_UNAVAILABLE'],
    },
    getCheckpoint: {
      method: 'GET',
      path: '/checkpoint',
      summary: 'Get the latest signed checkpoint (c2sp.org/tlog-checkpoint)',
      tag,
      access: 'public',
      responses: { 200: { description: 'A signed note', contentType: 'text/plain; charset=utf-8' } },
      errors: ['LEDGER_UNAVAILABLE'],
    },
    getTile: {
      method: 'GET',
      path: '/tile/{+path}',
      summary: 'Get a tile or an entry bundle (c2sp.org/tlog-tiles)',
      description:
        '`tile/<level>/<index>[.p/<width>]` or `tile/entries/<index>[.p/<width>]`; never changes once given.',
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
      responses: {
        200: {
          description: 'What a verifier needs to trust the log',
          schema: strictObject({
            origin: Type.String(),
            verifierKey: Type.String({ description: 'c2sp.org/signed-note vkey' }),
            treeSize: Type.Integer({ minimum: 0, description: 'Of the latest checkpoint' }),
            rootHash: Hash32,
            entryBytesMax: Type.Integer(),
            batchMax: Type.Integer(),
          }),
        },
      },
      errors: ['LEDGER_UNAVAILABLE'],
    },
    verifyLog: {
      method: 'POST',
      path: '/log/verify',
      summary: 'Read the whole log and check every hash, tile, index and signature',
      tag,
      access: { roles: ['operator', 'admin'] },
      responses: {
        200: {
          description: 'What was checked, and what does not hold',
          schema: strictObject({
            isValid: Type.Boolean(),
            treeSize: Uint64,
            rootHash: Hash32,
            tileCount: Uint64,
            problems: Type.Array(Type.String(), { maxItems: 100 }),
          }),
        },
      },
      errors: ['LEDGER_VERIFY_RUNNING', 'LEDGER_UNAVAILABLE'],
    },
  },
});

import Type from 'typebox';
import { logNamePattern } from './log-names.ts';
import { Base64, Hash32, strictObject, Uint64 } from './schemas.ts';

/** An entry's size in bytes, at most: commitments go in, payloads live elsewhere. */
export const ledgerEntryBytesMax = 4096;
/** Entries of one batch, at most. */
export const ledgerBatchMax = 1000;
/** Bytes of a binary batch, at most: each entry after its size as uint16. */
export const ledgerPackedBytesMax = ledgerBatchMax * (2 + ledgerEntryBytesMax);
/** Entries each after its size as uint16, big-endian: the bytes of a c2sp.org/tlog-tiles entry bundle, of any number. */
export const packedEntriesType = 'application/x-tlog-entries';
/** The log every ledger has, which is also at the root of its paths. */
export const defaultLogName = 'lucid';

export const LogName = Type.String({
  pattern: logNamePattern,
  description: 'Name of a log, from `GET /logs`',
  examples: [defaultLogName],
});
export const LeafIndex = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: '0-based' });
const TreeSize = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
export const Path = Type.Array(Hash32, { maxItems: 64, description: "The proof's hashes, lowest level first" });

/**
 * Base64 of an entry on its way in. The one spelling of its bytes is asked for, by the handler: it decodes a thousand of
 * them where a pattern would read each a second time.
 */
export const EntryText = Type.String({
  contentEncoding: 'base64',
  description: 'Base64 with padding (RFC 4648 §4) of 1 to 4096 bytes',
  examples: ['AA=='],
});

export const Appended = strictObject({
  leafIndex: LeafIndex,
  leafHash: Hash32,
  treeSize: Type.Optional(Type.Integer({ minimum: 1, description: "Of the receipt's checkpoint" })),
  receipt: Type.Optional(
    Type.String({ description: 'c2sp.org/tlog-proof@v1: index, inclusion path and signed checkpoint' }),
  ),
});

/** What the receipts of neighbouring entries share, once, and each entry's own path. */
export const BatchReceipt = strictObject(
  {
    treeSize: Type.Integer({ minimum: 1, description: 'Of the checkpoint; every path leads to its root' }),
    checkpoint: Type.String({ description: 'The signed note (c2sp.org/tlog-checkpoint)' }),
    proofs: Type.Array(Type.Array(Base64, { maxItems: 63 }), {
      description: 'For each entry in order, its RFC 6962 inclusion path in base64, lowest level first',
    }),
  },
  {
    description:
      'Of entry `firstIndex + n` the receipt (c2sp.org/tlog-proof@v1) is the line `c2sp.org/tlog-proof@v1`, the line ' +
      '`index <firstIndex + n>`, a line for each hash of `proofs[n]`, an empty line, and `checkpoint`.',
  },
);

export const AppendedBatch = strictObject({
  firstIndex: LeafIndex,
  count: Type.Integer({ minimum: 1, maximum: ledgerBatchMax }),
  receipt: Type.Optional(BatchReceipt),
});

export const Entry = strictObject({ leafIndex: LeafIndex, leafHash: Hash32, entry: Base64 });

export const KeyedAppend = strictObject({ firstIndex: LeafIndex, count: Type.Integer({ minimum: 1 }) });

export const InclusionProof = strictObject({
  leafIndex: LeafIndex,
  treeSize: Uint64,
  leafHash: Hash32,
  rootHash: Hash32,
  proof: Path,
});
export const ConsistencyProof = strictObject({
  oldSize: Uint64,
  newSize: Uint64,
  oldRoot: Hash32,
  newRoot: Hash32,
  proof: Path,
});

export const LogView = strictObject({
  name: LogName,
  origin: Type.String(),
  verifierKey: Type.String({ description: 'c2sp.org/signed-note vkey' }),
  mlDsaVerifierKey: Type.Optional(
    Type.String({ description: "Of the log's second key, ML-DSA-44 (c2sp.org/tlog-cosignature), where it has one" }),
  ),
  treeSize: Type.Integer({ minimum: 0, description: 'Of the latest checkpoint' }),
  rootHash: Hash32,
  entryBytesMax: Type.Integer(),
  batchMax: Type.Integer(),
});

export const LogReport = strictObject({
  isValid: Type.Boolean(),
  treeSize: Uint64,
  rootHash: Hash32,
  tileCount: Uint64,
  problems: Type.Array(Type.String(), { maxItems: 100 }),
});

export const LogSummary = strictObject({
  name: LogName,
  origin: Type.Optional(Type.String()),
  isAvailable: Type.Boolean({ description: 'False while a write failed and the log is being reopened' }),
  treeSize: Type.Optional(Type.Integer({ minimum: 0, description: 'Of the latest checkpoint' })),
  path: Type.String({ description: "Before every path of the log's, such as `/logs/lucid`" }),
});

export const receiptQuery = {
  receipt: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 1,
      description:
        '1 waits for the checkpoint and adds the receipt. It is left out when the checkpoint is not published within ' +
        'ten seconds, as while witnesses are away: the append is durable all the same',
    }),
  ),
};
export const inclusionQuery = {
  leafIndex: Type.Optional(LeafIndex),
  leafHash: Type.Optional(Hash32),
  treeSize: Type.Optional({ ...TreeSize, description: "The latest checkpoint's unless given" }),
};

import { parseBase64, parseUtf8, toBase64 } from './bytes.ts';
import { type OpenedCheckpoint, openCheckpoint } from './checkpoint.ts';
import { parseDecimal } from './decimal.ts';
import { malformed } from './malformed.ts';
import { verifyInclusion } from './merkle.ts';
import type { NoteVerifier } from './note.ts';

/**
 * The receipt of an entry, a file that stands alone (https://c2sp.org/tlog-proof): index, inclusion path,
 * and the checkpoint's signed note verbatim.
 */
export interface TlogProof {
  readonly leafIndex: number;
  readonly proof: readonly Uint8Array[];
  /** The signed note. */
  readonly checkpoint: string;
  /** Not authenticated by anything. */
  readonly extra?: Uint8Array;
}

const HEADER = 'c2sp.org/tlog-proof@v1';
const PATH_LENGTH_MAX = 63;

export function encodeTlogProof(receipt: TlogProof): string {
  const lines = [HEADER];
  if (receipt.extra !== undefined) lines.push(`extra ${toBase64(receipt.extra)}`);
  lines.push(`index ${receipt.leafIndex}`, ...receipt.proof.map(toBase64), '', receipt.checkpoint);
  return lines.join('\n');
}

function proofError(detail: string): Error {
  return malformed('TLOG_PROOF_MALFORMED', detail);
}

/** Parses a receipt; `TLOG_PROOF_MALFORMED` on any other spelling. The checkpoint is not looked into. */
export function parseTlogProof(bytes: Uint8Array | string): TlogProof {
  const text = typeof bytes === 'string' ? bytes : parseUtf8(bytes);
  const split = text.indexOf('\n\n');
  if (split < 0) throw proofError('no empty line before the checkpoint');
  const [header, ...lines] = text.slice(0, split).split('\n');
  if (header !== HEADER) throw proofError(`the first line is not ${HEADER}`);
  const extra = lines[0]?.startsWith('extra ') ? parseLine(lines.shift() ?? '', 6) : undefined;
  const index = lines.shift() ?? '';
  const leafIndex = index.startsWith('index ') ? parseDecimal(index.slice(6)) : undefined;
  if (leafIndex === undefined) throw proofError('the index line is missing or malformed');
  if (lines.length > PATH_LENGTH_MAX) throw proofError('the path is longer than any tree is high');
  const proof = lines.map((line) => parseLine(line, 0, 32));
  const receipt = { leafIndex, proof, checkpoint: text.slice(split + 2) };
  return extra === undefined ? receipt : { ...receipt, extra };
}

function parseLine(line: string, from: number, size?: number): Uint8Array {
  try {
    return parseBase64(line.slice(from), size);
  } catch {
    throw proofError('a line is not the base 64 it should be');
  }
}

/**
 * Throws unless the leaf is in the log: checkpoint signed by a known log key (`openCheckpoint`'s errors),
 * inclusion proven under its root (`MERKLE_PROOF_INVALID`). Returns the checkpoint.
 */
export async function verifyTlogProof(
  receipt: TlogProof,
  leafHash: Uint8Array,
  verifiers: readonly NoteVerifier[],
): Promise<OpenedCheckpoint> {
  const checkpoint = await openCheckpoint(receipt.checkpoint, verifiers);
  const { leafIndex, proof } = receipt;
  verifyInclusion({ leafIndex, treeSize: checkpoint.treeSize, leafHash, proof, rootHash: checkpoint.rootHash });
  return checkpoint;
}

import { parseBase64, parseUtf8, toBase64 } from './bytes.ts';
import { parseDecimal } from './decimal.ts';
import { malformed } from './malformed.ts';
import { HASH_SIZE } from './merkle.ts';
import { encodeSignatureLine, type NoteSignature, parseSignatureLine } from './note.ts';

/** The requests and answers of a witness: https://c2sp.org/tlog-witness. */

/** A log asks a witness to cosign a checkpoint, and proves that it follows from the one the witness cosigned last. */
export interface AddCheckpointRequest {
  /** The tree size the witness cosigned last, 0 for none. */
  readonly oldSize: number;
  /** From `oldSize` to the checkpoint's size, RFC 6962 section 2.1.2. */
  readonly proof: readonly Uint8Array[];
  /** The signed note. */
  readonly checkpoint: string;
}

/** The media type of a 409's body: the size the witness cosigned last. */
export const TLOG_SIZE_MEDIA_TYPE = 'text/x.tlog.size';
/** Room for the longest proof and for more signatures than any log has. */
export const ADD_CHECKPOINT_SIZE_MAX = 128 * 1024;
/** Of an answer with signature lines. */
export const COSIGNATURES_SIZE_MAX = 128 * 1024;
const PROOF_LENGTH_MAX = 63;

function requestError(detail: string): Error {
  return malformed('ADD_CHECKPOINT_MALFORMED', detail);
}

/** The body of `POST <prefix>/add-checkpoint`. */
export function encodeAddCheckpoint({ oldSize, proof, checkpoint }: AddCheckpointRequest): string {
  return [`old ${oldSize}`, ...proof.map(toBase64), '', checkpoint].join('\n');
}

/** Parses a request; `ADD_CHECKPOINT_MALFORMED` on any other spelling. The checkpoint is not looked into. */
export function parseAddCheckpoint(body: Uint8Array): AddCheckpointRequest {
  const text = parseBody(body);
  const split = text.indexOf('\n\n');
  if (split < 0) throw requestError('no empty line before the checkpoint');
  const [first = '', ...lines] = text.slice(0, split).split('\n');
  const oldSize = first.startsWith('old ') ? parseDecimal(first.slice(4)) : undefined;
  if (oldSize === undefined) throw requestError('the first line is not "old" and a size');
  if (lines.length > PROOF_LENGTH_MAX) throw requestError(`the proof has more than ${PROOF_LENGTH_MAX} lines`);
  return { oldSize, proof: lines.map(parseHash), checkpoint: text.slice(split + 2) };
}

function parseBody(body: Uint8Array): string {
  if (body.length > ADD_CHECKPOINT_SIZE_MAX) throw requestError(`the request exceeds ${ADD_CHECKPOINT_SIZE_MAX} bytes`);
  try {
    return parseUtf8(body);
  } catch {
    throw requestError('the request is not UTF-8');
  }
}

function parseHash(line: string): Uint8Array {
  try {
    return parseBase64(line, HASH_SIZE);
  } catch {
    throw requestError('a line of the proof is not base 64 of 32 bytes');
  }
}

/** The body of a 409: `size` in decimal and a newline. */
export function encodeSize(size: number): string {
  return `${size}\n`;
}

/** Parses the body of a 409; `WITNESS_ANSWER_MALFORMED` on any other spelling. */
export function parseSize(text: string): number {
  const size = text.endsWith('\n') ? parseDecimal(text.slice(0, -1)) : undefined;
  if (size === undefined) throw malformed('WITNESS_ANSWER_MALFORMED', 'the size is not a decimal and a newline');
  return size;
}

/** The body of a 200: a line per cosignature. */
export function encodeCosignatures(signatures: readonly NoteSignature[]): string {
  return signatures.map(encodeSignatureLine).join('');
}

/** Parses the body of a 200, without checking signatures; `WITNESS_ANSWER_MALFORMED`. */
export function parseCosignatures(text: string): NoteSignature[] {
  if (text.length > COSIGNATURES_SIZE_MAX || !text.endsWith('\n')) {
    throw malformed('WITNESS_ANSWER_MALFORMED', 'the answer is not lines of signatures');
  }
  try {
    return text.slice(0, -1).split('\n').map(parseSignatureLine);
  } catch (cause) {
    throw malformed('WITNESS_ANSWER_MALFORMED', 'a line is no signature line', { cause: String(cause) });
  }
}

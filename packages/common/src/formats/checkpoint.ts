import { parseBase64, toBase64 } from './bytes.ts';
import { parseDecimal } from './decimal.ts';
import { malformed } from './malformed.ts';
import { type NoteSigner, type NoteVerifier, openNote, parseNote, signNote, type VerifiedSignature } from './note.ts';

/** A log's statement of its tree (https://c2sp.org/tlog-checkpoint). Lucid's logs write no extension lines. */
export interface Checkpoint {
  readonly origin: string;
  readonly treeSize: number;
  readonly rootHash: Uint8Array;
}

export interface OpenedCheckpoint extends Checkpoint {
  readonly verified: readonly VerifiedSignature[];
  /** How many signature lines came from keys that were not given. */
  readonly unknownCount: number;
}

/** The note text: origin, size in decimal, root in base 64, a line each. */
export function encodeCheckpoint(checkpoint: Checkpoint): string {
  const text = `${checkpoint.origin}\n${checkpoint.treeSize}\n${toBase64(checkpoint.rootHash)}\n`;
  parseCheckpointText(text);
  return text;
}

/** Parses the text of a checkpoint's note; `CHECKPOINT_MALFORMED` on anything else, extension lines included. */
export function parseCheckpointText(text: string): Checkpoint {
  const { extensionLines, ...checkpoint } = parseExtendedCheckpointText(text);
  if (extensionLines.length > 0) throw malformed('CHECKPOINT_MALFORMED', 'a checkpoint of Lucid has three lines');
  return checkpoint;
}

/** As `parseCheckpointText`, of any log's: extension lines are opaque, and not empty. `CHECKPOINT_MALFORMED`. */
export function parseExtendedCheckpointText(text: string): Checkpoint & { readonly extensionLines: readonly string[] } {
  const [origin = '', size = '', root = '', ...more] = text.split('\n');
  const extensionLines = more.slice(0, -1);
  const treeSize = parseDecimal(size);
  if (origin === '' || treeSize === undefined || more.at(-1) !== '' || extensionLines.includes('')) {
    throw malformed('CHECKPOINT_MALFORMED', 'a checkpoint is an origin, a size and a root, a line each');
  }
  return { origin, treeSize, rootHash: parseRoot(root), extensionLines };
}

function parseRoot(root: string): Uint8Array {
  try {
    return parseBase64(root, 32);
  } catch {
    throw malformed('CHECKPOINT_MALFORMED', 'the root is not base 64 of 32 bytes');
  }
}

/** The checkpoint inside a signed note, unverified: for readers that trust its source, such as a log reading its own. */
export function parseCheckpoint(note: Uint8Array | string): Checkpoint {
  return parseCheckpointText(parseNote(note).text);
}

/** The signed note of a checkpoint. */
export function signCheckpoint(checkpoint: Checkpoint, signers: readonly NoteSigner[]): Promise<string> {
  return signNote(encodeCheckpoint(checkpoint), signers);
}

/**
 * Opens a checkpoint signed by the log itself: one of `logs` whose name is the origin must have signed
 * (`CHECKPOINT_UNTRUSTED`). Cosignatures by `witnesses` are checked too; lines by others are counted, and worth
 * nothing. Errors of `openNote` pass.
 */
export async function openCheckpoint(
  note: Uint8Array | string,
  logs: readonly NoteVerifier[],
  witnesses: readonly NoteVerifier[] = [],
): Promise<OpenedCheckpoint> {
  const opened = await openNote(note, [...logs, ...witnesses]);
  const checkpoint = parseCheckpointText(opened.text);
  const signed = opened.verified.filter(({ verifier }) => logs.includes(verifier) && verifier.type !== 0x04);
  const byLog = signed.some(({ verifier }) => verifier.name === checkpoint.origin);
  if (!byLog) throw malformed('CHECKPOINT_UNTRUSTED', `${checkpoint.origin} has not signed with a known key`);
  return { ...checkpoint, verified: opened.verified, unknownCount: opened.unknown.length };
}

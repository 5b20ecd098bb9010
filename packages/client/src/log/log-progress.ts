import { equalBytes, parseBase64, toBase64, toHex, utf8 } from '@lucid/common/formats/bytes';
import { canonicalJsonText, encodeCanonicalJson, parseJson } from '@lucid/common/formats/canonical-json';
import { parseCheckpoint } from '@lucid/common/formats/checkpoint';
import { HASH_SIZE } from '@lucid/common/formats/merkle';
import { sha256 } from '@lucid/common/formats/sha256';
import { TILE_WIDTH } from '@lucid/common/formats/tiles';
import { logError } from './log-errors.ts';

/**
 * How far a log has been verified: what the next run needs to go on from there. It is the reader's own word, that these
 * entries were read and hold together; that they are the log's is proven anew when it comes back. The digest tells a
 * damaged file from one that was written.
 */
export interface LogProgress {
  readonly origin: string;
  /** Entries [0, position) hold; a multiple of 256. */
  readonly position: number;
  /** Of tile levels 1, 2, …: the hashes, side by side, of the tile that is not full yet. */
  readonly levels: readonly Uint8Array[];
  /** The largest checkpoint of the log whose signatures were good: a signed note. Later trees must contain its tree. */
  readonly checkpoint: string;
}

const format = 'lucid/log-progress@1';
const sizeMax = 4 << 20;

export function encodeLogProgress({ origin, position, levels, checkpoint }: LogProgress): string {
  const content = { format, origin, position, levels: levels.map(toBase64), checkpoint };
  return canonicalJsonText({ ...content, digest: digestOf(content) });
}

function digestOf(content: unknown): string {
  return toHex(sha256(encodeCanonicalJson(content)));
}

/** LOG_STATE_DAMAGED for anything that `encodeLogProgress` did not write. */
export function parseLogProgress(bytes: Uint8Array): LogProgress {
  try {
    return readProgress(parseJson(bytes, { canonical: true, sizeMax }) as Record<string, unknown>);
  } catch (cause) {
    throw logError('LOG_STATE_DAMAGED', 'The file that says how far the log was verified is damaged.', { cause });
  }
}

function readProgress({ digest, ...content }: Record<string, unknown>): LogProgress {
  if (content['format'] !== format) throw new TypeError(`it is not ${format}`);
  if (typeof digest !== 'string' || !equalBytes(utf8(digest), utf8(digestOf(content))))
    throw new TypeError('other digest');
  // The digest says these are the bytes that were written, and so of the shape they were written in.
  const { origin, position, levels, checkpoint } = content as unknown as Omit<LogProgress, 'levels'> & {
    readonly levels: readonly string[];
  };
  const progress = { origin, position, checkpoint, levels: levels.map((hashes) => parseBase64(hashes)) };
  requireShape(progress);
  return progress;
}

/** Each level holds as many hashes as the position says. */
function requireShape({ position, levels, checkpoint }: LogProgress): void {
  const { treeSize } = parseCheckpoint(checkpoint);
  if (position % TILE_WIDTH !== 0 || position > treeSize) throw new RangeError('the position is not of this log');
  for (let level = 1; level <= Math.max(levels.length, 6); level += 1) {
    const count = Math.floor(position / TILE_WIDTH ** level) % TILE_WIDTH;
    if ((levels[level - 1]?.length ?? 0) !== count * HASH_SIZE) throw new RangeError('a level is not of this position');
  }
}

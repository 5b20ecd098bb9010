import { AppError } from '@lucid/common/errors';
import {
  encodeAddCheckpoint,
  parseCosignatures,
  parseSize,
  TLOG_SIZE_MEDIA_TYPE,
} from '@lucid/common/formats/add-checkpoint';
import { encodeSignatureLine, type NoteVerifier, openNote, parseNote } from '@lucid/common/formats/note';
import type { PostToWitness, WitnessAnswer } from './transport.ts';

/** What one witness is asked to cosign. */
export type CosignRequest = {
  /** The checkpoint, signed by the log. */
  readonly note: string;
  readonly treeSize: number;
  /** The consistency proof from an older size, not 0, to `treeSize`. */
  readonly prove: (oldSize: number) => readonly Uint8Array[];
  readonly signal: AbortSignal;
};

/** A cosignature that holds, by a key of the policy. */
export type CosignedLine = { readonly verifier: NoteVerifier; readonly line: string };

export type WitnessClientOptions = {
  /** The submission prefix, as the policy has it. */
  readonly url: string;
  /** Keys of the policy at this prefix: most witnesses have one. */
  readonly verifiers: readonly NoteVerifier[];
  readonly post: PostToWitness;
};

/** How often one request follows another because the witness knew another size than was thought. */
const conflictsMax = 2;

/**
 * One witness, asked about one log (c2sp.org/tlog-witness). It remembers the size the witness cosigned last; where it
 * does not know, it begins at 0 and lets the witness say.
 */
export class WitnessClient {
  readonly #url: string;
  readonly #options: WitnessClientOptions;
  #cosignedSize = 0;

  constructor(options: WitnessClientOptions) {
    this.#options = options;
    this.#url = `${options.url.replace(/\/+$/, '')}/add-checkpoint`;
  }

  /** The name of its first key. */
  get name(): string {
    return this.#options.verifiers[0]?.name ?? this.#options.url;
  }

  /**
   * The witness's cosignatures on a checkpoint, checked. Throws WITNESS_UNREACHABLE, WITNESS_REFUSED,
   * WITNESS_ANSWER_MALFORMED, NOTE_SIGNATURE_INVALID, and WITNESS_AHEAD when the witness has cosigned more entries of
   * this log than the log has: then this log is an older copy, or there are two.
   */
  async cosign(request: CosignRequest): Promise<CosignedLine[]> {
    for (let conflicts = 0; ; conflicts += 1) {
      const oldSize = this.#oldSizeFor(request.treeSize);
      const answer = await this.#options.post(this.#url, encodeRequest(request, oldSize), request.signal);
      if (answer.status === 200) return this.#accept(request, answer);
      if (answer.status !== 409 || conflicts >= conflictsMax) throw refused(answer);
      const size = readSize(answer);
      if (size === oldSize) throw malformed('The witness refused the very size it says it has');
      this.#cosignedSize = size;
    }
  }

  #oldSizeFor(treeSize: number): number {
    const size = this.#cosignedSize;
    if (size <= treeSize) return size;
    // Ask from 0 the next time: what the witness says then is its word, not a memory of it.
    this.#cosignedSize = 0;
    throw new AppError('WITNESS_AHEAD', `The witness has cosigned ${size} entries of a log that has ${treeSize}.`);
  }

  async #accept(request: CosignRequest, { text }: WitnessAnswer): Promise<CosignedLine[]> {
    const { verifiers } = this.#options;
    const isKnown = (name: string, keyId: string) => verifiers.some((key) => key.name === name && key.keyId === keyId);
    const lines = parseCosignatures(text).filter(({ name, keyId }) => isKnown(name, keyId));
    const encoded = new Map(lines.map((line) => [`${line.name}\n${line.keyId}`, encodeSignatureLine(line)]));
    const body = parseNote(request.note).text;
    if (lines.length === 0) throw malformed('The answer has no cosignature by a key of the policy');
    const opened = await openNote(`${body}\n${[...encoded.values()].join('')}`, verifiers);
    if (opened.verified.some(({ timestampSec }) => !timestampSec)) throw malformed('A cosignature has no time');
    this.#cosignedSize = request.treeSize;
    return opened.verified.map(({ verifier }) => ({
      verifier,
      line: encoded.get(`${verifier.name}\n${verifier.keyId}`) ?? '',
    }));
  }
}

function encodeRequest({ note, prove }: CosignRequest, oldSize: number): string {
  return encodeAddCheckpoint({ oldSize, proof: oldSize === 0 ? [] : prove(oldSize), checkpoint: note });
}

function readSize({ contentType, text }: WitnessAnswer): number {
  if (contentType !== TLOG_SIZE_MEDIA_TYPE) throw malformed(`A conflict is answered as ${TLOG_SIZE_MEDIA_TYPE}`);
  return parseSize(text);
}

function refused({ status, text, retryAfterSec }: WitnessAnswer): AppError {
  const said = text.slice(0, 200).trim();
  return new AppError('WITNESS_REFUSED', `The witness answered ${status}${said === '' ? '' : `: ${said}`}`, {
    data: { status },
    ...(retryAfterSec === undefined ? {} : { retryAfterSec }),
  });
}

function malformed(detail: string): AppError {
  return new AppError('WITNESS_ANSWER_MALFORMED', detail);
}

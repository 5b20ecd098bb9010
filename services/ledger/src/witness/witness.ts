import { encodeCosignatures, parseAddCheckpoint } from '@lucid/common/formats/add-checkpoint';
import { equalBytes, parseBase64, toBase64 } from '@lucid/common/formats/bytes';
import { type Checkpoint, parseExtendedCheckpointText } from '@lucid/common/formats/checkpoint';
import { emptyRootHash, verifyConsistency } from '@lucid/common/formats/merkle';
import {
  encodeSignatureLine,
  type Note,
  type NoteSignature,
  openNote,
  parseNote,
  type VerifiedSignature,
} from '@lucid/common/formats/note';
import type { RateLimiter } from '@lucid/common/http/rate-limit';
import type { CosigningIdentity } from '../domain/cosigning-key.ts';
import { ledgerError } from '../errors.ts';
import type { HeldClock } from './held-clock.ts';
import type { KnownLog } from './known-logs.ts';
import { originHashOf, type WitnessedCheckpoint, type WitnessStore } from './witness-store.ts';

export type WitnessOptions = {
  readonly logs: ReadonlyMap<string, KnownLog>;
  readonly keys: readonly CosigningIdentity[];
  readonly store: WitnessStore;
  /** The one that `keys` sign with. */
  readonly clock: HeldClock;
  readonly limiter: RateLimiter;
  /** New checkpoints a minute from a log whose entry in the list says nothing. */
  readonly perMinute: number;
};

/** The cosignatures' lines, or the size that was cosigned last where the log thought of another. */
export type WitnessVerdict = { readonly cosignatures: string } | { readonly conflictSize: number };

type Submission = {
  readonly oldSize: number;
  readonly proof: readonly Uint8Array[];
  readonly note: Note;
  readonly checkpoint: Checkpoint;
  readonly log: KnownLog;
  /** The log's own lines that hold. */
  readonly logLines: readonly NoteSignature[];
};

const secondsPerDay = 86_400;
/** The same checkpoint again within so long gets the cosignature it had: anybody may send it, and it costs no sync. */
const repeatSec = 60;
/** Requests of one log that wait for the one before, at most. */
const waitingMax = 16;

/**
 * Cosigns the checkpoints of other logs (c2sp.org/tlog-witness): each only once it is shown to follow from the one
 * cosigned last, one at a time per log, and what was cosigned is durable before the cosignature leaves.
 */
export class Witness {
  readonly #options: WitnessOptions;
  readonly #turns = new Map<string, { last: Promise<unknown>; waiting: number }>();

  constructor(options: WitnessOptions) {
    this.#options = options;
  }

  get keys(): readonly CosigningIdentity[] {
    return this.#options.keys;
  }

  get origins(): string[] {
    return [...this.#options.logs.keys()];
  }

  /** The checkpoint of the log with that origin's SHA-256, as it was cosigned last. */
  async findCheckpoint(originHash: Uint8Array): Promise<string | undefined> {
    return (await this.#options.store.find(originHash))?.note;
  }

  /** Checks a request in the order the protocol gives, and cosigns. Throws the `LEDGER_WITNESS_*` codes. */
  async addCheckpoint(body: Uint8Array): Promise<WitnessVerdict> {
    const submission = await this.#open(body);
    const { oldSize, checkpoint } = submission;
    if (oldSize > checkpoint.treeSize) throw malformed('the old size is larger than the checkpoint\u2019s');
    // What needs no cosignature waits for nobody: whoever repeats what a log has published cannot hold the log up.
    const { verdict } = await this.#judge(submission);
    return verdict ?? this.#inTurn(checkpoint.origin, () => this.#decide(submission));
  }

  async #open(body: Uint8Array): Promise<Submission> {
    const { oldSize, proof, note, checkpoint } = parse(body);
    const log = this.#options.logs.get(checkpoint.origin);
    if (!log)
      throw ledgerError('LEDGER_WITNESS_LOG_UNKNOWN', `${checkpoint.origin.slice(0, 200)} is not cosigned here`);
    const verified = await openByLog(note, log);
    const isOurs = ({ name, keyId }: NoteSignature) => verified.some((key) => key.name === name && key.keyId === keyId);
    // Whoever repeats a line a hundred times is not kept, nor shown, a hundred times.
    const lines = new Map(note.signatures.filter(isOurs).map((line) => [`${line.name} ${line.keyId}`, line]));
    return { oldSize, proof, note, checkpoint, log, logLines: [...lines.values()] };
  }

  /** Runs `work` once every work of the same log before it has ended. */
  async #inTurn<T>(origin: string, work: () => Promise<T>): Promise<T> {
    const turn = this.#turns.get(origin) ?? { last: Promise.resolve(), waiting: 0 };
    if (turn.waiting >= waitingMax) throw limited('The witness is busy with this log', 1);
    turn.waiting += 1;
    const result = turn.last.then(work);
    turn.last = result.catch(() => undefined);
    this.#turns.set(origin, turn);
    try {
      return await result;
    } finally {
      turn.waiting -= 1;
      if (turn.waiting === 0) this.#turns.delete(origin);
    }
  }

  async #decide(submission: Submission): Promise<WitnessVerdict> {
    const { verdict, known } = await this.#judge(submission);
    if (verdict) return verdict;
    if (known?.treeSize !== submission.checkpoint.treeSize) await this.#spend(submission.log);
    return { cosignatures: await this.#cosign(submission, known) };
  }

  /** What the checkpoint is to what was cosigned last; without a verdict, it may be cosigned. */
  async #judge(submission: Submission): Promise<{ verdict?: WitnessVerdict; known: WitnessedCheckpoint | undefined }> {
    const { oldSize, checkpoint } = submission;
    const { store, clock } = this.#options;
    const known = await store.find(originHashOf(checkpoint.origin));
    await this.#refuseForgotten(submission, known);
    const conflictSize = known?.treeSize ?? 0;
    if (oldSize !== conflictSize) return { verdict: { conflictSize }, known };
    // The log has signed two trees of one size: the protocol answers that as it does a size that is not known.
    if (known?.treeSize === checkpoint.treeSize && known.rootHash !== toBase64(checkpoint.rootHash)) {
      return { verdict: { conflictSize }, known };
    }
    requireConsistent(submission, known);
    if (known === undefined || known.treeSize !== checkpoint.treeSize) return { known };
    clock.hold(known.cosignedAt);
    // Its cosignatures are on the text as it was then: with other extension lines it is another text.
    const isSame = known.note.startsWith(`${submission.note.text}\n`);
    if (!isSame || clock.now() - known.cosignedAt >= repeatSec) return { known };
    return { verdict: { cosignatures: known.cosignatures }, known };
  }

  /** Our own cosignature on more than we remember, or on another tree, says that our memory was put back. */
  async #refuseForgotten({ note, checkpoint }: Submission, known: WitnessedCheckpoint | undefined): Promise<void> {
    const isOurs = ({ name, keyId }: NoteSignature) =>
      this.#options.keys.some(({ verifier }) => verifier.name === name && verifier.keyId === keyId);
    if (!note.signatures.some(isOurs)) return;
    const size = known?.treeSize ?? -1;
    if (checkpoint.treeSize < size) return;
    if (checkpoint.treeSize === size && known?.rootHash === toBase64(checkpoint.rootHash)) return;
    const ours = await verifiedOrNone(note, this.#options.keys);
    if (ours.length === 0) return;
    throw ledgerError(
      'LEDGER_WITNESS_BEHIND',
      `This witness cosigned ${checkpoint.treeSize} entries of the log and remembers ${known?.treeSize ?? 'none'}`,
    );
  }

  /** Counted by log and only now: who has no key of it cannot use up what it may. */
  async #spend({ origin, perDay }: KnownLog): Promise<void> {
    const { limiter, perMinute } = this.#options;
    const quota =
      perDay === undefined ? { limit: perMinute, windowSec: 60 } : { limit: perDay, windowSec: secondsPerDay };
    const decision = await limiter.take(origin, { name: 'witness', ...quota });
    if (!decision.isAllowed) throw limited('The log brings more checkpoints than agreed', decision.retryAfterSec);
  }

  async #cosign({ note, checkpoint, logLines }: Submission, known: WitnessedCheckpoint | undefined): Promise<string> {
    const { keys, store, clock } = this.#options;
    clock.hold(known?.cosignedAt ?? 0);
    const lines = await Promise.all(
      keys.map(async ({ signer }) => ({
        name: signer.name,
        keyId: signer.keyId,
        signature: await signer.sign(note.text),
      })),
    );
    const cosignatures = encodeCosignatures(lines);
    await store.replace(known?.treeSize, {
      origin: checkpoint.origin,
      treeSize: checkpoint.treeSize,
      rootHash: toBase64(checkpoint.rootHash),
      cosignedAt: clock.now(),
      cosignatures,
      note: `${note.text}\n${logLines.map(encodeSignatureLine).join('')}${cosignatures}`,
    });
    return cosignatures;
  }
}

function parse(body: Uint8Array): Pick<Submission, 'oldSize' | 'proof' | 'note' | 'checkpoint'> {
  try {
    const { oldSize, proof, checkpoint } = parseAddCheckpoint(body);
    const note = parseNote(checkpoint);
    const { origin, treeSize, rootHash } = parseExtendedCheckpointText(note.text);
    return { oldSize, proof, note, checkpoint: { origin, treeSize, rootHash } };
  } catch (cause) {
    throw malformed(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** The log's keys that signed; LEDGER_WITNESS_UNSIGNED when none did, or one of them wrongly. */
async function openByLog(note: Note, log: KnownLog): Promise<{ name: string; keyId: string }[]> {
  try {
    const { verified } = await openNote(encodeNote(note), log.keys);
    return verified.map(({ verifier }) => verifier);
  } catch (cause) {
    throw ledgerError('LEDGER_WITNESS_UNSIGNED', `No known key of ${log.origin} has signed the checkpoint`, { cause });
  }
}

async function verifiedOrNone(note: Note, keys: readonly CosigningIdentity[]): Promise<readonly VerifiedSignature[]> {
  try {
    return (
      await openNote(
        encodeNote(note),
        keys.map(({ verifier }) => verifier),
      )
    ).verified;
  } catch {
    return [];
  }
}

function encodeNote({ text, signatures }: Note): string {
  return `${text}\n${signatures.map(encodeSignatureLine).join('')}`;
}

/** Throws LEDGER_WITNESS_INCONSISTENT unless the checkpoint follows from what was cosigned last. */
function requireConsistent({ oldSize, proof, checkpoint }: Submission, known: WitnessedCheckpoint | undefined): void {
  const { treeSize, rootHash } = checkpoint;
  if (treeSize === 0 && !equalBytes(rootHash, emptyRootHash())) throw inconsistent('the empty tree has another root');
  if (oldSize === 0) {
    if (proof.length > 0) throw inconsistent('from size 0 on there is nothing to prove');
    return;
  }
  try {
    const oldRoot = parseBase64(known?.rootHash ?? '');
    verifyConsistency({ oldSize, newSize: treeSize, oldRoot, newRoot: rootHash, proof });
  } catch (cause) {
    throw inconsistent(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function malformed(detail: string, cause?: unknown): Error {
  return ledgerError('LEDGER_WITNESS_REQUEST_MALFORMED', detail, cause === undefined ? {} : { cause });
}

function inconsistent(detail: string, cause?: unknown): Error {
  return ledgerError('LEDGER_WITNESS_INCONSISTENT', detail, cause === undefined ? {} : { cause });
}

function limited(detail: string, retryAfterSec: number): Error {
  return ledgerError('LEDGER_WITNESS_LIMIT', detail, { retryAfterSec });
}

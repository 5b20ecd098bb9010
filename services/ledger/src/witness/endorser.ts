import { AppError, isAppError } from '@lucid/common/errors';
import { type NoteVerifier, openNote } from '@lucid/common/formats/note';
import type { TlogPolicy } from '@lucid/common/formats/policy';
import type { Endorse } from '../domain/log.ts';
import type { WitnessTransport } from './transport.ts';
import { type CosignRequest, WitnessClient } from './witness-client.ts';
import { WitnessWorker } from './witness-worker.ts';

export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

export type WitnessObserver = {
  /** A witness cosigned, or failed to; how long it took, s. */
  asked(witness: string, seconds: number, failure: unknown): void;
};

export type EndorserOptions = {
  readonly policy: TlogPolicy;
  /** Closed with the endorser. */
  readonly transport: WitnessTransport;
  readonly sleep: Sleep;
  /** For one request to one witness, ms. */
  readonly timeoutMs: number;
  /** How long cosignatures past the policy's are waited for, ms. */
  readonly graceMs: number;
};

/** What is known of a witness, for operators. */
export type WitnessStatus = {
  readonly witness: string;
  /** Milliseconds since 1970; undefined before the first. */
  readonly lastSuccessAt: number | undefined;
  /** Failures since the last success. */
  readonly failureCount: number;
  readonly lastFailure: string | undefined;
};

/**
 * Gets a log's checkpoints cosigned as a policy asks (c2sp.org/tlog-policy, tlog-witness). All witnesses are asked at
 * once; the checkpoint is let go when the policy is met, with the cosignatures that came until then and in a short
 * grace. A witness that fails is left alone for a while that doubles.
 */
export class Endorser implements AsyncDisposable {
  readonly #options: EndorserOptions;
  readonly #workers: readonly WitnessWorker[];
  readonly #observers: WitnessObserver[] = [];
  readonly #closing = new AbortController();

  constructor(options: EndorserOptions) {
    this.#options = options;
    const { sleep, timeoutMs, transport } = options;
    const asked: WitnessObserver['asked'] = (...said) => {
      for (const observer of this.#observers) observer.asked(...said);
    };
    this.#workers = groupByUrl(options.policy).map(([url, verifiers]) => {
      const client = new WitnessClient({ url, verifiers, post: transport.post });
      return new WitnessWorker({ client, sleep, timeoutMs, closing: this.#closing.signal, observer: { asked } });
    });
  }

  observe(observer: WitnessObserver): void {
    this.#observers.push(observer);
  }

  get status(): WitnessStatus[] {
    return this.#workers.map(({ status }) => status);
  }

  /** Throws WITNESS_POLICY_NOT_MET when every witness has had its say and the policy is not met; then try again. */
  readonly endorse: Endorse = async (note, { treeSize }, signal, prove) => {
    const lines = new Map<NoteVerifier, string>();
    const failures: unknown[] = [];
    const request: CosignRequest = { note, treeSize, prove, signal };
    const met = Promise.withResolvers<void>();
    const isMet = (): boolean => this.#options.policy.isQuorum(new Set(lines.keys()));
    if (isMet()) met.resolve();
    // Who failed last is asked, and not waited for once the policy is met.
    const isSound = this.#workers.map(({ isFailing }) => !isFailing);
    const asked = this.#workers.map(async (worker) => {
      try {
        for (const { verifier, line } of await worker.ask(request)) lines.set(verifier, line);
        if (isMet()) met.resolve();
      } catch (error) {
        failures.push(error);
      }
    });
    const all = Promise.all(asked);
    await Promise.race([met.promise, all, aborted(signal, met.promise)]);
    signal.throwIfAborted();
    if (!isMet()) throw notMet(failures);
    await this.#grace(Promise.all(asked.filter((_, at) => isSound[at])), signal);
    return note + [...lines.values()].join('');
  };

  /** Whether a published note meets the policy as it is; a cosignature that is wrong is none. */
  readonly isEndorsed = async (note: string): Promise<boolean> => {
    const { witnesses, isQuorum } = this.#options.policy;
    const opened = await openNote(note, witnesses).catch(() => undefined);
    return isQuorum(new Set(opened?.verified.map(({ verifier }) => verifier)));
  };

  /** Ends with the last witness, or when the grace is over. */
  async #grace(all: Promise<unknown>, signal: AbortSignal): Promise<void> {
    if (this.#options.graceMs === 0) return;
    const over = new AbortController();
    const wait = this.#options
      .sleep(this.#options.graceMs, AbortSignal.any([over.signal, signal]))
      .catch(() => undefined);
    await Promise.race([all, wait]);
    over.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new AppError('WITNESS_CLOSED', 'The log is closing'));
    await Promise.all(this.#workers.map((worker) => worker.settled()));
    this.#options.transport[Symbol.dispose]();
  }
}

/** Resolves when the signal aborts, or with `done`. */
function aborted(signal: AbortSignal, done: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = (): void => resolve();
  signal.addEventListener('abort', end, { once: true });
  return Promise.race([promise, done]).finally(() => signal.removeEventListener('abort', end));
}

/** Several keys at one prefix are one witness, which answers with a line for each. */
function groupByUrl({ witnesses, urls }: TlogPolicy): [string, NoteVerifier[]][] {
  const groups = new Map<string, NoteVerifier[]>();
  for (const witness of witnesses) {
    const url = urls.get(witness);
    if (url !== undefined) groups.set(url, [...(groups.get(url) ?? []), witness]);
  }
  return [...groups];
}

function notMet(failures: readonly unknown[]): AppError {
  const reasons = failures.map((failure) =>
    isAppError(failure) ? `${failure.code}: ${failure.message}` : String(failure),
  );
  const said = reasons.length === 0 ? 'no witness has cosigned' : reasons.join('; ');
  return new AppError('WITNESS_POLICY_NOT_MET', `The witnesses' policy is not met yet: ${said}`, {
    status: 503,
    cause: failures[0],
  });
}

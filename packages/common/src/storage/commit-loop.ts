import assert from 'node:assert/strict';
import { AppError } from '../errors.ts';

export type CommitLoopOptions<Work, Result> = {
  /**
   * Makes a group durable and answers one result for each work, in order. It is never called while an earlier call
   * runs. If it rejects, the outcome is unknown: the loop stops for good.
   */
  readonly commit: (group: readonly Work[]) => Promise<readonly Result[]>;
  /** How many works may wait; one more is refused with STORE_BUSY. */
  readonly queueMax: number;
  /** The most works of one group. */
  readonly groupMax: number;
  /** The most weight of one group (at least one work is always taken). Without `weigh` it does not count. */
  readonly groupWeightMax?: number;
  readonly weigh?: (work: Work) => number;
};

type Waiting<Work, Result> = { work: Work; resolve: (result: Result) => void; reject: (error: unknown) => void };

/**
 * The single writer: callers hand in work, one group is made durable at a time, and the next group gathers while the
 * disk is busy. There is no timer: a lone caller waits for one sync, many callers share one. Results come in the
 * order the works were submitted. A failed commit stops the loop: everything waiting and everything later is refused
 * with STORE_FAILED until a new loop is made over a reopened store.
 */
export class CommitLoop<Work, Result> implements AsyncDisposable {
  readonly #options: CommitLoopOptions<Work, Result>;
  #queue: Waiting<Work, Result>[] = [];
  #running: Promise<void> | undefined;
  #failure: AppError | undefined;
  #closed = false;
  #groups = 0;

  constructor(options: CommitLoopOptions<Work, Result>) {
    assert.ok(options.queueMax > 0 && options.groupMax > 0, 'a commit loop has room for work');
    this.#options = options;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /** How many works wait for a group of their own. */
  get waitingCount(): number {
    return this.#queue.length;
  }

  /** How many groups were committed. */
  get groupCount(): number {
    return this.#groups;
  }

  /** Resolves when the work is durable. Rejects with STORE_BUSY, STORE_CLOSED or STORE_FAILED. */
  submit(work: Work): Promise<Result> {
    const refusal = this.#refusal(1);
    if (refusal) return Promise.reject(refusal);
    return this.#enqueue(work);
  }

  /** As `submit` for several works that are taken all or none; they stay next to one another. */
  submitAll(works: readonly Work[]): Promise<Result[]> {
    const refusal = this.#refusal(works.length);
    if (refusal) return Promise.reject(refusal);
    return Promise.all(works.map((work) => this.#enqueue(work)));
  }

  #refusal(count: number): AppError | undefined {
    if (this.#failure) return this.#failure;
    if (this.#closed) return new AppError('STORE_CLOSED', 'The store is closing', { status: 503 });
    if (this.#queue.length + count <= this.#options.queueMax) return undefined;
    const message = `${this.#queue.length} writes are waiting already: try again`;
    return new AppError('STORE_BUSY', message, { status: 503, retryAfterSec: 1 });
  }

  #enqueue(work: Work): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.#queue.push({ work, resolve, reject });
    this.#running ??= this.#loop();
    return promise;
  }

  async #loop(): Promise<void> {
    // One turn of the event loop lets everything that arrived together join the first group.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0 && !this.#failure) await this.#commitGroup(this.#takeGroup());
    this.#running = undefined;
  }

  #takeGroup(): Waiting<Work, Result>[] {
    const { groupMax, groupWeightMax = Number.POSITIVE_INFINITY, weigh = () => 0 } = this.#options;
    let count = 0;
    let weight = 0;
    for (const waiting of this.#queue) {
      weight += weigh(waiting.work);
      if (count > 0 && (count >= groupMax || weight > groupWeightMax)) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  async #commitGroup(group: Waiting<Work, Result>[]): Promise<void> {
    try {
      const results = await this.#options.commit(group.map((waiting) => waiting.work));
      assert.equal(results.length, group.length, 'a commit answers one result for each work');
      this.#groups += 1;
      for (const [index, waiting] of group.entries()) waiting.resolve(results[index] as Result);
    } catch (error) {
      this.#stop(error, group);
    }
  }

  #stop(error: unknown, group: Waiting<Work, Result>[]): void {
    const message = 'A commit failed, so its outcome is unknown: nothing more is written until the store is reopened';
    this.#failure = new AppError('STORE_FAILED', message, { status: 503, cause: error });
    for (const waiting of [...group, ...this.#queue.splice(0)]) waiting.reject(this.#failure);
  }

  /** Waits until nothing is waiting or running. */
  async drain(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** Refuses new work and waits for what was taken. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.drain();
  }
}

import { AppError } from '@lucid/common/errors';
import { AppendGroup, type AppendWaiter } from './append-group.ts';

export type AppendPipelineOptions = {
  /** Gives the entries of a group that are not in the tree yet their places there. Never for two groups at once. */
  readonly integrate: (group: AppendGroup) => void;
  /**
   * Makes a group that is integrated durable; never called while an earlier call runs. If it rejects, the outcome is
   * unknown: the pipeline stops for good.
   */
  readonly commit: (group: AppendGroup) => Promise<void>;
  /** The group is durable: called before its appends are answered, with how long that took in milliseconds. */
  readonly committed: (group: AppendGroup, tookMs: number) => void;
  readonly failed: (error: unknown) => void;
  readonly limits?: Partial<PipelineLimits>;
};

export type PipelineLimits = {
  /** What may wait for a commit, beside the group that is on its way to the disk. */
  readonly worksMax: number;
  readonly entriesMax: number;
  readonly bytesMax: number;
  /** For how long the oldest that waits may have waited when another one is taken. */
  readonly waitMaxMs: number;
  /** The most of one group; an append that is larger is a group of its own. */
  readonly groupEntriesMax: number;
  readonly groupBytesMax: number;
};

const defaults: PipelineLimits = {
  worksMax: 4096,
  entriesMax: 131_072,
  bytesMax: 32 * 1024 * 1024,
  waitMaxMs: 1000,
  groupEntriesMax: 16_384,
  groupBytesMax: 4 * 1024 * 1024,
};

/** A group gathers for at most this part of the time its sync will take, and at least this long. */
const gatherPart = 1 / 2;
/** It goes ahead when nothing has come for this part of a sync. */
const quietPart = 1 / 16;
const gatherMinMs = 0.2;
const quietMaxMs = 1;
/** The shortest rest of a timer; where a sync takes less than twice that, only an expectation that held is rested for. */
const restMs = 1;
const freeGroupsMax = 4;

/**
 * The single writer. Appends are packed and hashed into the group that forms, as they come; a group is made durable by
 * one synced write; the next one forms meanwhile, and takes its place in the tree.
 *
 * Once the disk is free a group waits only for appends that are about to come: those whose callers were just answered,
 * as long as they keep coming, and never longer than a part of what the sync itself takes, or a millisecond. So a lone
 * caller waits for one sync, and many callers share one sync instead of taking turns. It rests meanwhile where it may:
 * turning the event loop until they have come would take the processor that they need.
 *
 * What waits is bounded by works, entries, bytes and age; beyond that appends are refused with STORE_BUSY. A failed
 * commit stops it: everything waiting and everything later is refused with STORE_FAILED.
 */
export class AppendPipeline implements AsyncDisposable {
  readonly #options: AppendPipelineOptions;
  readonly #limits: PipelineLimits;
  readonly #busy = new AppError('STORE_BUSY', 'Too many appends are waiting: try again', {
    status: 503,
    retryAfterSec: 1,
  });
  #forming = new AppendGroup();
  /** Groups that are full and wait for the disk, oldest first. */
  readonly #full: AppendGroup[] = [];
  readonly #free: AppendGroup[] = [];
  #fullWorks = 0;
  #fullEntries = 0;
  #fullBytes = 0;
  #running: Promise<void> | undefined;
  #isWriting = false;
  #isPreparing = false;
  /** How many appends are to be expected in the next group: those just answered, and those that had come by then. */
  #expected = 1;
  /** Whether the last group found all that were expected. */
  #isSteady = true;
  #wake: (() => void) | undefined;
  /** What a commit takes, smoothed. */
  #commitMs = 0;
  #failure: AppError | undefined;
  #isClosed = false;

  constructor(options: AppendPipelineOptions) {
    this.#options = options;
    this.#limits = { ...defaults, ...options.limits };
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /** How many appends wait for a commit of their own. */
  get waitingCount(): number {
    return this.#fullWorks + this.#forming.workCount;
  }

  /** How many entries they are. */
  get waitingEntries(): number {
    return this.#fullEntries + this.#forming.count;
  }

  /** Bytes of the entries that wait. */
  get waitingBytes(): number {
    return this.#fullBytes + this.#forming.size;
  }

  /**
   * The group that takes an append of `count` entries and `size` bytes, begun for `waiter`: the caller adds them at
   * once and then calls `added`. Undefined when the append is refused; the waiter has been told.
   */
  begin(waiter: AppendWaiter, count: number, size: number): AppendGroup | undefined {
    const refusal = this.#refusal(count, size);
    if (refusal) {
      waiter.refused(refusal);
      return undefined;
    }
    const group = this.#forming;
    const { groupEntriesMax, groupBytesMax } = this.#limits;
    if (group.count > 0 && (group.count + count > groupEntriesMax || group.size + size > groupBytesMax)) this.#close();
    if (this.#forming.workCount === 0) this.#forming.openedAt = performance.now();
    this.#forming.begin(waiter);
    return this.#forming;
  }

  /** What was begun is there. */
  added(): void {
    this.#running ??= this.#run();
    if (this.#wake && this.#isComplete) this.#wake();
    if (this.#isWriting && !this.#isPreparing) {
      this.#isPreparing = true;
      setImmediate(this.#prepare);
    }
  }

  #refusal(count: number, size: number): AppError | undefined {
    if (this.#failure) return this.#failure;
    if (this.#isClosed) return new AppError('STORE_CLOSED', 'The store is closing', { status: 503 });
    const { waitingCount } = this;
    if (waitingCount === 0) return undefined;
    const { worksMax, entriesMax, bytesMax, waitMaxMs } = this.#limits;
    if (waitingCount >= worksMax) return this.#busy;
    if (this.#fullEntries + this.#forming.count + count > entriesMax) return this.#busy;
    if (this.waitingBytes + size > bytesMax) return this.#busy;
    const oldest = this.#full[0] ?? this.#forming;
    return performance.now() - oldest.openedAt > waitMaxMs ? this.#busy : undefined;
  }

  /** The group that forms has no more room. */
  #close(): void {
    const group = this.#forming;
    this.#full.push(group);
    this.#fullWorks += group.workCount;
    this.#fullEntries += group.count;
    this.#fullBytes += group.size;
    this.#forming = this.#free.pop() ?? new AppendGroup();
  }

  #takeFull(): AppendGroup | undefined {
    const group = this.#full.shift();
    if (!group) return undefined;
    this.#fullWorks -= group.workCount;
    this.#fullEntries -= group.count;
    this.#fullBytes -= group.size;
    return group;
  }

  /**
   * While the disk is busy what is written next takes its place in the tree, so that nothing is left to do but to write.
   * No more than that one: its state is the tree's as it ends.
   */
  readonly #prepare = (): void => {
    this.#isPreparing = false;
    if (!this.#isWriting || this.#failure) return;
    this.#options.integrate(this.#full[0] ?? this.#forming);
  };

  /** Never rejects. */
  async #run(): Promise<void> {
    try {
      while (await this.#gathered()) await this.#commitAll(this.#takeNext());
    } catch (error) {
      this.#stop(error);
    }
    this.#running = undefined;
  }

  #takeNext(): AppendGroup {
    if (this.#full.length === 0) this.#close();
    return this.#takeFull() as AppendGroup;
  }

  /** Whether nothing more is waited for before the next group is written. */
  get #isComplete(): boolean {
    return this.#isClosed || this.#full.length > 0 || this.waitingCount >= this.#expected;
  }

  /** Waits until a group is to be written: true; false when there is nothing. */
  async #gathered(): Promise<boolean> {
    const startedAt = performance.now();
    const gatherMs = Math.max(gatherMinMs, this.#commitMs * gatherPart);
    const mayRest = this.#isSteady || this.#commitMs >= 2 * restMs;
    const quietMs = mayRest ? restMs / 2 : Math.min(quietMaxMs, this.#commitMs * quietPart);
    let seen = 0;
    let seenAt = startedAt;
    for (;;) {
      await new Promise<void>(nextTurn);
      const { waitingCount } = this;
      if (waitingCount === 0) return false;
      this.#isSteady = this.#isComplete;
      if (this.#isSteady) return true;
      const now = performance.now();
      // One rest is given whatever the turn before it took: a processor that others use is no reason to part callers.
      if (now - startedAt > gatherMs && (seen > 0 || !mayRest)) return true;
      if (waitingCount > seen) {
        seen = waitingCount;
        seenAt = now;
        if (mayRest) await this.#rest();
      } else if (now - seenAt >= quietMs) return true;
    }
  }

  /** Until all that were expected have come, or for `restMs`. */
  async #rest(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = setTimeout(resolve, restMs);
    await promise;
    clearTimeout(timer);
    this.#wake = undefined;
  }

  /** Writes a group, and those that are full by then: each next one is on its way before the last is answered. */
  async #commitAll(first: AppendGroup): Promise<void> {
    let group = first;
    let startedAt = performance.now();
    let writing = this.#write(group);
    for (;;) {
      try {
        await writing;
      } catch (error) {
        group.refuse(this.#stop(error));
        return;
      }
      const now = performance.now();
      const tookMs = now - startedAt;
      this.#isWriting = false;
      this.#commitMs = this.#commitMs === 0 ? tookMs : this.#commitMs * 0.75 + tookMs * 0.25;
      this.#options.committed(group, tookMs);
      const next = this.#takeFull();
      const written = group;
      if (next) {
        startedAt = now;
        writing = this.#write(next);
        group = next;
      }
      this.#expected = written.workCount + this.waitingCount;
      written.answer();
      written.reset(this.#limits.groupBytesMax * 2);
      if (this.#free.length < freeGroupsMax) this.#free.push(written);
      if (!next) return;
    }
  }

  async #write(group: AppendGroup): Promise<void> {
    this.#options.integrate(group);
    this.#isWriting = true;
    await this.#options.commit(group);
  }

  #stop(error: unknown): AppError {
    const message = 'A commit failed, so its outcome is unknown: nothing more is written until the store is reopened';
    const failure = (this.#failure = new AppError('STORE_FAILED', message, { status: 503, cause: error }));
    this.#isWriting = false;
    this.#options.failed(error);
    for (const group of [...this.#full.splice(0), this.#forming]) group.refuse(failure);
    this.#forming = new AppendGroup();
    return failure;
  }

  /** Waits until nothing is waiting or running. */
  async drain(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** Refuses new appends and waits for what was taken. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#wake?.();
    await this.drain();
  }
}

const nextTurn = (resolve: () => void): void => void setImmediate(resolve);

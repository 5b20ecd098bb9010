import type { Clock } from '@lucid/common/runtime/clock';
import type { GovernanceIndex } from './governance-index.ts';
import type { Indexer } from './indexer.ts';
import type { ProposalRecord } from './model.ts';
import { isFinal, proposalState } from './proposal-state.ts';
import type { Relay, RelayJob, RelayRecord } from './relay.ts';

export interface ExecutorOptions {
  readonly index: GovernanceIndex;
  readonly indexer: Pick<Indexer, 'sync'>;
  readonly relay: Relay;
  readonly clock: Clock;
  readonly intervalMs: number;
  /** Told of a round that failed; the next one comes all the same. */
  readonly onFailure: (error: unknown) => void;
}

const retryMinMs = 10_000;
const retryMaxMs = 3_600_000;

/**
 * Follows the chain and carries decisions out: a proposal that succeeded is queued, one whose timelock is over is
 * executed. It holds nothing of its own: what is due follows from the index and the time, so a restart loses nothing
 * and a second round asks for nothing twice. A refused job is tried again, ever more seldom.
 */
export class Executor implements AsyncDisposable {
  readonly #options: ExecutorOptions;
  readonly #closing = new AbortController();
  #worker: Promise<void> | undefined;

  constructor(options: ExecutorOptions) {
    this.#options = options;
  }

  start(): void {
    this.#worker ??= this.#work();
  }

  /** One round: everything that is due now is enqueued. */
  async run(): Promise<void> {
    const { index, indexer } = this.#options;
    await indexer.sync();
    const now = chainNow(this.#options);
    for await (const proposal of index.listOpenProposals()) {
      const job = dueJob(proposal, now);
      if (job !== undefined) await this.#enqueue(job);
      else if (isFinal(proposal, now)) await index.markFinal(proposal.proposalId);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#worker;
  }

  async #work(): Promise<void> {
    const { clock, intervalMs, onFailure } = this.#options;
    while (!this.#closing.signal.aborted) {
      await this.run().catch(onFailure);
      await clock.sleep(intervalMs, this.#closing.signal).catch(() => undefined);
    }
  }

  async #enqueue(job: RelayJob): Promise<void> {
    const { clock, relay } = this.#options;
    const record = relay.find(job);
    if (record?.status === 'refused' && clock.now() < retryAt(record)) return;
    await relay.enqueue(job);
  }
}

/** Seconds since 1970 as the next block will have them: never before the last one. */
export function chainNow({ clock, index }: { readonly clock: Clock; readonly index: GovernanceIndex }): number {
  return Math.max(Math.floor(clock.now() / 1000), index.findPosition()?.timestamp ?? 0);
}

/** What can be done for a proposal now. */
export function dueJob(proposal: ProposalRecord, now: number): RelayJob | undefined {
  const proposalId = String(proposal.proposalId);
  const state = proposalState(proposal, now);
  if (state === 'succeeded') return { kind: 'queue', proposalId };
  if (state === 'queued' && proposal.eta !== undefined && proposal.eta <= now) return { kind: 'execute', proposalId };
  return undefined;
}

function retryAt({ updatedAt, refusals }: RelayRecord): number {
  return updatedAt + Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(refusals - 1, 20));
}

import type { RelayStatus } from '@lucid/common/apis/governance-schemas';
import { AppError } from '@lucid/common/errors';
import type { Clock } from '@lucid/common/runtime/clock';
import { contractAddresses } from '@lucid/contracts/addresses';
import { encodeCastVoteBySig, encodeExecute, encodeQueue, type VoteSupport } from '@lucid/contracts/governor';
import type { ChainReceipt, ChainWriter } from './chain.ts';
import type { GovernanceIndex } from './governance-index.ts';
import type { Indexer } from './indexer.ts';
import { awaitReceipt } from './receipt.ts';

/** What the relayer's account sends for others. Numbers are decimal strings, as it is stored. */
export type RelayJob =
  | {
      readonly kind: 'vote';
      readonly proposalId: string;
      readonly voter: string;
      readonly support: VoteSupport;
      readonly reason: string;
      readonly signature: string;
    }
  | { readonly kind: 'queue' | 'execute'; readonly proposalId: string };

/** A signed transaction of the relayer, kept before it is sent. */
export interface RelayAttempt {
  readonly rawTransaction: string;
  readonly transactionHash: string;
}

export interface RelayRecord {
  readonly job: RelayJob;
  readonly status: RelayStatus['status'];
  /** Milliseconds since 1970. */
  readonly updatedAt: number;
  /** How often it was refused. */
  readonly refusals: number;
  readonly attempt?: RelayAttempt;
  readonly transactionHash?: string;
  readonly reason?: string;
}

/**
 * The relayer's memory. `enqueue` and `update` resolve when the record is durable; an enqueued job is delivered at
 * least once, in order, also after a crash.
 */
export interface RelayStore {
  find(name: string): RelayRecord | undefined;
  enqueue(name: string, record: RelayRecord): Promise<void>;
  update(name: string, record: RelayRecord): Promise<void>;
}

/** Signs for the relayer's account. */
export interface RelaySigner {
  readonly address: string;
  sign(call: { readonly data: string; readonly nonce: number; readonly gasLimit: bigint }): Promise<RelayAttempt>;
}

export interface RelayOptions {
  readonly chain: ChainWriter;
  readonly index: GovernanceIndex;
  readonly indexer: Pick<Indexer, 'sync'>;
  readonly store: RelayStore;
  readonly signer: RelaySigner;
  readonly clock: Clock;
  readonly receiptTimeoutMs: number;
}

/** Below the cap of a transaction (EIP-7825) and the least block gas limit governance can set. */
const gasLimits = { vote: 500_000n, queue: 3_000_000n, execute: 16_000_000n } as const;

const signingsMax = 8;

/**
 * Sends what members signed and what executes their decisions, each exactly once in effect. A transaction is durable
 * before it is sent; after a crash the same bytes are sent again, which the chain takes once. And whatever is sent, the
 * contracts count a voter once and execute a proposal once.
 */
export class Relay {
  readonly #options: RelayOptions;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /**
   * What became of a job. One that was done on blocks the chain has lost (it was restored to an earlier one) is not
   * done: it may be enqueued anew.
   */
  find(job: RelayJobName): RelayRecord | undefined {
    const record = this.#options.store.find(relayName(job));
    return record?.status === 'done' && !this.#isOnChain(record.job) ? undefined : record;
  }

  /** Takes a job; one that is on its way or done stays as it is, a refused one is tried again. */
  async enqueue(job: RelayJob): Promise<RelayRecord> {
    const before = this.find(job);
    if (before && before.status !== 'refused') return before;
    const { clock, store } = this.#options;
    const record: RelayRecord = { job, status: 'queued', updatedAt: clock.now(), refusals: before?.refusals ?? 0 };
    await store.enqueue(relayName(job), record);
    return record;
  }

  /**
   * Delivers one job: resolves when its effect is on the chain, or the contracts refused it, which the record then
   * says. Rejects when the chain could not be asked; it is then to be called again.
   */
  async deliver(name: string, signal?: AbortSignal): Promise<void> {
    const { chain, clock, indexer, receiptTimeoutMs, store } = this.#options;
    for (let signings = 0; signings < signingsMax; signings += 1) {
      await indexer.sync();
      const record = store.find(name);
      if (record === undefined || record.status === 'done' || record.status === 'refused') return;
      const done = this.#findEffect(record.job);
      if (done !== undefined) return await this.#close(name, record, { status: 'done', transactionHash: done });
      const attempt = record.attempt ?? (await this.#sign(name, record));
      const outcome = await chain.sendTransaction(attempt.rawTransaction);
      if (outcome.kind === 'refused') throw new AppError('GOVERNANCE_RELAY_REFUSED', outcome.reason, { status: 503 });
      const timeoutMs = outcome.kind === 'sent' ? receiptTimeoutMs : 0;
      const receipt = await awaitReceipt({ chain, clock, timeoutMs }, attempt.transactionHash, signal);
      if (receipt !== undefined) return await this.#settle(name, record, receipt);
      if (outcome.kind === 'sent') {
        throw new AppError('GOVERNANCE_TRANSACTION_PENDING', `${attempt.transactionHash} is in no block yet.`, {
          status: 503,
        });
      }
      // Another transaction of the relayer has taken the nonce, so this one can never be in a block: sign anew.
      await store.update(name, { ...withoutAttempt(record), status: 'queued', updatedAt: clock.now() });
    }
    throw new AppError('GOVERNANCE_RELAY_REFUSED', "The relayer's account is used elsewhere too.", { status: 503 });
  }

  async #sign(name: string, record: RelayRecord): Promise<RelayAttempt> {
    const { chain, clock, signer, store } = this.#options;
    const nonce = await chain.getNextNonce(signer.address);
    const attempt = await signer.sign({ data: encodeJob(record.job), nonce, gasLimit: gasLimits[record.job.kind] });
    await store.update(name, { ...record, status: 'submitted', attempt, updatedAt: clock.now() });
    return attempt;
  }

  async #settle(name: string, record: RelayRecord, receipt: ChainReceipt): Promise<void> {
    const { chain, indexer, signer } = this.#options;
    await indexer.sync();
    const transactionHash = receipt.transactionHash;
    if (receipt.isSuccess || this.#findEffect(record.job) !== undefined) {
      return await this.#close(name, record, { status: 'done', transactionHash });
    }
    const call = { from: signer.address, to: contractAddresses.LucidGovernor, data: encodeJob(record.job) };
    const reason = (await chain.findRefusal(call)) ?? 'The transaction reverted.';
    await this.#close(name, record, { status: 'refused', transactionHash, reason });
  }

  async #close(name: string, record: RelayRecord, end: Pick<RelayRecord, 'status' | 'transactionHash' | 'reason'>) {
    const refusals = record.refusals + (end.status === 'refused' ? 1 : 0);
    const updatedAt = this.#options.clock.now();
    await this.#options.store.update(name, { ...withoutAttempt(record), ...end, refusals, updatedAt });
  }

  #isOnChain(job: RelayJob): boolean {
    if (job.kind !== 'vote') return this.#findEffect(job) !== undefined;
    return this.#options.index.findVote(BigInt(job.proposalId), job.voter) !== undefined;
  }

  /** The transaction that did on chain what the job asks for, whoever sent it. */
  #findEffect(job: RelayJob): string | undefined {
    const { index } = this.#options;
    const proposal = index.findProposal(BigInt(job.proposalId));
    switch (job.kind) {
      case 'vote': {
        const vote = index.findVote(BigInt(job.proposalId), job.voter);
        return vote?.support === job.support ? vote.castAt.transactionHash : undefined;
      }
      case 'queue':
        return proposal?.queuedAt?.transactionHash;
      case 'execute':
        return proposal?.executedAt?.transactionHash;
    }
  }
}

/** What names a job. */
export type RelayJobName =
  | { readonly kind: 'vote'; readonly proposalId: string; readonly voter: string }
  | { readonly kind: 'queue' | 'execute'; readonly proposalId: string };

export function relayName(job: RelayJobName): string {
  const voter = job.kind === 'vote' ? `/${job.voter.toLowerCase()}` : '';
  return `${job.kind}/${job.proposalId}${voter}`;
}

function encodeJob(job: RelayJob): string {
  const proposalId = BigInt(job.proposalId);
  switch (job.kind) {
    case 'vote':
      return encodeCastVoteBySig({ ...job, proposalId });
    case 'queue':
      return encodeQueue(proposalId);
    case 'execute':
      return encodeExecute(proposalId);
  }
}

function withoutAttempt(record: RelayRecord): RelayRecord {
  const { job, status, updatedAt, refusals } = record;
  return { job, status, updatedAt, refusals };
}

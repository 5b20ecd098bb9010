import type { Clock } from '@lucid/common/runtime/clock';
import type { Logger } from '@lucid/common/runtime/logger';
import { anchorFault } from '../errors.ts';
import { type AnchorRecord, type AnchorStore, isSameContent, type Settlement } from './anchor.ts';
import type { AnchorChain, RegistrationReceipt } from './anchor-chain.ts';
import type { RegistrationSigner } from './registration.ts';

export interface AnchorWorkerOptions {
  readonly store: AnchorStore;
  readonly chain: AnchorChain;
  readonly signer: RegistrationSigner;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Transactions sent and not yet in a block. */
  readonly inFlightMax: number;
  /** Between two looks for blocks, ms. */
  readonly pollMs: number;
  /** Uniform in [0, 1), for the back-off's jitter. */
  readonly random?: () => number;
}

/** Transactions signed between two turns of the event loop: about 10 ms of work. */
const signBatchMax = 16;
const receiptBatchMax = 64;
/** A pool forgets (a restart, a full pool): what is in no block for this long is sent again. */
const resendMs = 2000;
const backOffMinMs = 100;
const backOffMaxMs = 5000;

/** A submitted record, and when its bytes were last taken by the chain. */
interface Flight {
  readonly record: AnchorRecord;
  sentAt: number | undefined;
}

/**
 * Brings queued anchors onto the chain: sign, keep, send, look for the receipt, settle. The one user of its account.
 *
 * Exactly once: a nonce's transaction is on the disk before it is first sent, and after a crash the very same bytes
 * are sent again. A nonce somebody else used gives the session a new one, and the contract takes a session only once.
 * Ordered: nonces follow the order of arrival. Patient: while the chain is away nothing is lost and nothing is failed;
 * `fault` says what it waits for.
 */
export class AnchorWorker implements AsyncDisposable {
  readonly #options: AnchorWorkerOptions;
  readonly #closing = new AbortController();
  /** By nonce, ascending. */
  #flights = new Map<number, Flight>();
  /** Known once the chain and the queue were compared. */
  #position: { readonly chainId: number; nextNonce: number } | undefined;
  #failures = 0;
  #fault: Error | undefined;
  #wake = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;

  constructor(options: AnchorWorkerOptions) {
    this.#options = options;
  }

  /** Why anchors wait at present. */
  get fault(): Error | undefined {
    return this.#fault;
  }

  /** Starts with what an earlier process left. Called once. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** There is something new in the queue. */
  notify(): void {
    this.#wake.resolve();
  }

  /** Stops between two steps; what is in flight is found again at the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#wake.resolve();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers<void>();
      try {
        const isBusy = await this.#step(signal);
        if (this.#fault) this.#options.logger.info('anchoring goes on');
        this.#fault = undefined;
        this.#failures = 0;
        if (!isBusy) await this.#rest(signal);
      } catch (error) {
        if (!signal.aborted) await this.#backOff(error, signal);
      }
    }
  }

  /** One round; answers whether there is more to do at once. */
  async #step(signal: AbortSignal): Promise<boolean> {
    this.#position ??= await this.#reconcile(signal);
    const signedCount = await this.#sign(this.#position);
    const refusal = await this.#send(signal);
    const settledCount = await this.#settle(signal);
    if (refusal) throw refusal;
    return signedCount > 0 || settledCount > 0;
  }

  /** Idle until something is queued; with transactions in flight, until the next look. */
  async #rest(signal: AbortSignal): Promise<void> {
    if (this.#flights.size === 0) return await this.#wake.promise;
    const { clock, pollMs } = this.#options;
    const look = clock.sleep(pollMs, signal).catch(() => undefined);
    await (this.#hasRoom() ? Promise.race([look, this.#wake.promise]) : look);
  }

  #hasRoom(): boolean {
    return this.#flights.size < this.#options.inFlightMax;
  }

  /** After a fault nothing is assumed: the chain is asked again where it stands, and all in flight is sent again. */
  async #backOff(error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, logger, random = Math.random } = this.#options;
    const fault = error instanceof Error ? error : new Error(String(error));
    if (this.#fault?.message !== fault.message) logger.warn({ err: fault }, 'anchoring waits');
    this.#fault = fault;
    this.#position = undefined;
    const ceiling = Math.min(backOffMaxMs, backOffMinMs * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    await clock.sleep(ceiling * (0.5 + random() / 2), signal).catch(() => undefined);
  }

  /**
   * Compares the queue with the chain. Nonces in flight must follow the chain's without a gap; what lies behind one
   * (the chain was restored to an earlier block) can never run as it is, and is queued to be signed anew.
   */
  async #reconcile(signal: AbortSignal): Promise<{ chainId: number; nextNonce: number }> {
    const { chain, store, signer } = this.#options;
    const found = await chain.identify(signal);
    const bound = await store.bindChain(found);
    if (bound.chainId !== found.chainId || bound.genesisHash !== found.genesisHash) {
      const detail = `The queue is for chain ${bound.chainId} (${bound.genesisHash}), the vm has ${found.chainId} (${found.genesisHash}).`;
      throw anchorFault('ANCHOR_CHAIN_CHANGED', detail);
    }
    let nextNonce = await chain.countTransactions(signer.address, signal);
    const behindGap: AnchorRecord[] = [];
    this.#flights = new Map();
    for (const record of await store.listSubmitted()) {
      const nonce = record.signed?.nonce ?? 0;
      if (nonce > nextNonce) {
        behindGap.push(record);
        continue;
      }
      this.#flights.set(nonce, { record, sentAt: undefined });
      nextNonce = Math.max(nextNonce, nonce + 1);
    }
    if (behindGap.length > 0) await this.#store(behindGap.map((record) => [record, { kind: 'requeued' }]));
    return { chainId: found.chainId, nextNonce };
  }

  /** Signs queued anchors while there is room, and keeps the bytes. */
  async #sign(position: { readonly chainId: number; nextNonce: number }): Promise<number> {
    const { store, signer, inFlightMax } = this.#options;
    const isAllSent = this.#flights.values().every(({ sentAt }) => sentAt !== undefined);
    const room = isAllSent ? Math.min(signBatchMax, inFlightMax - this.#flights.size) : 0;
    const queued = room > 0 ? await store.listQueued(room) : [];
    if (queued.length === 0) return 0;
    const signed = new Map(
      queued.map((record, index) => [
        record.sessionId,
        signer.sign(position.chainId, position.nextNonce + index, record),
      ]),
    );
    for (const record of await store.markSubmitted(signed)) {
      this.#flights.set(record.signed?.nonce ?? 0, { record, sentAt: undefined });
    }
    position.nextNonce += queued.length;
    return queued.length;
  }

  /** Sends what is not known to be in the chain's pool; answers the chain's refusal, if there is one. */
  async #send(signal: AbortSignal): Promise<Error | undefined> {
    const { chain, clock } = this.#options;
    const now = clock.now();
    const isDue = ({ sentAt }: Flight) => sentAt === undefined || now - sentAt >= resendMs;
    const due = [...this.#flights.values()].filter(isDue);
    if (due.length === 0) return undefined;
    const raw = due.map(({ record }) => record.signed?.rawTransaction ?? '');
    const outcomes = await chain.submit(raw, signal);
    for (const [index, flight] of due.entries()) if (outcomes[index]?.kind !== 'refused') flight.sentAt = now;
    const refused = outcomes.find((outcome) => outcome.kind === 'refused');
    return refused && anchorFault('ANCHOR_REFUSED', `The chain refuses anchors: ${refused.reason}.`);
  }

  /** Settles what blocks have; answers how many. */
  async #settle(signal: AbortSignal): Promise<number> {
    const { chain, signer } = this.#options;
    if (this.#flights.size === 0) return 0;
    const count = await chain.countTransactions(signer.address, signal);
    const mined = [...this.#flights.keys()].filter((nonce) => nonce < count).slice(0, receiptBatchMax);
    if (mined.length === 0) return 0;
    const records = mined.map((nonce) => (this.#flights.get(nonce) as Flight).record);
    const receipts = await chain.findReceipts(
      records.map((record) => record.signed?.transactionHash ?? ''),
      signal,
    );
    const settlements: [AnchorRecord, Settlement][] = [];
    const faults: unknown[] = [];
    for (const [index, record] of records.entries()) {
      try {
        settlements.push([record, await this.#judge(record, receipts[index], signal)]);
      } catch (error) {
        // One that nobody can make sense of now must not hold the others.
        faults.push(error);
      }
    }
    await this.#store(settlements);
    for (const [{ signed }] of settlements) this.#flights.delete(signed?.nonce ?? 0);
    if (faults.length > 0) throw faults[0];
    return settlements.length;
  }

  /** What became of a record whose nonce a block has used. */
  async #judge(
    record: AnchorRecord,
    receipt: RegistrationReceipt | undefined,
    signal: AbortSignal,
  ): Promise<Settlement> {
    if (receipt && !receipt.isReverted) return { kind: 'confirmed', placement: receipt.placement };
    const { chain, signer } = this.#options;
    const registration = await chain.findRegistration(record.sessionId, signal);
    if (registration && isSameContent(registration.content, record)) {
      return { kind: 'confirmed', placement: registration.placement };
    }
    if (registration) return failed('The session is registered with other content.', receipt);
    // Another transaction took the nonce: this one never runs.
    if (!receipt) return { kind: 'requeued' };
    return failed(await chain.explainRevert(record, signer.address, signal), receipt);
  }

  async #store(settlements: readonly (readonly [AnchorRecord, Settlement])[]): Promise<void> {
    const { store, logger } = this.#options;
    if (settlements.length === 0) return;
    await store.settle(new Map(settlements.map(([{ sessionId }, settlement]) => [sessionId, settlement])));
    for (const [{ sessionId }, settlement] of settlements) {
      if (settlement.kind === 'failed') logger.error({ sessionId, reason: settlement.reason }, 'anchor failed');
      if (settlement.kind === 'requeued') logger.warn({ sessionId }, 'anchor is signed anew');
    }
  }
}

function failed(reason: string, receipt: RegistrationReceipt | undefined): Settlement {
  return { kind: 'failed', reason, ...(receipt ? { transactionHash: receipt.placement.transactionHash } : {}) };
}

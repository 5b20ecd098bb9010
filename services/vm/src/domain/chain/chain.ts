/**
 * The one sequencer: takes transactions in, forms blocks as fast as the disk lets it, and never forms an empty one.
 * A block is executed while its parent is still being synced (group commit); readers see it once it is durable.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Common } from '@ethereumjs/common';
import { keyOf } from '../bytes.ts';
import { admit } from '../pool/admission.ts';
import type { Mempool } from '../pool/mempool.ts';
import { RpcError } from '../rpc/rpc-error.ts';
import type { JournaledState } from '../state/journaled-state.ts';
import type { ChainStore, SealedBlock, StoredBlock } from './block.ts';
import { BlockBuilder } from './builder.ts';
import type { Engine } from './engine.ts';
import type { OpenHeader } from './header.ts';
import { decodeSubmitted, type SignedTransaction } from './transaction.ts';

export type ChainOptions = {
  readonly gasLimit: bigint;
  readonly coinbase: Uint8Array;
  /** Least time between the starts of two blocks, so that a burst shares one; a lone transaction does not wait. */
  readonly blockIntervalMs: number;
  /** Most time a block's transactions run before it is sealed. */
  readonly blockRunMs: number;
};

/** Time, as the chain needs it. */
export type ChainClock = { now(): number; sleep(ms: number, signal?: AbortSignal): Promise<void> };

export type ChainParts = {
  readonly rules: Common;
  readonly engine: Engine;
  readonly store: ChainStore;
  readonly pool: Mempool;
  readonly clock: ChainClock;
  readonly options: ChainOptions;
};

/** How long execution may hold the thread before messages get their turn, ms. */
const TURN_MS = 10;

/** Continues the chain from a durable block. */
export class Chain implements AsyncDisposable {
  readonly #parts: ChainParts;
  readonly #closing = new AbortController();
  readonly #sealedListeners = new Set<(block: SealedBlock) => void>();
  readonly #unsynced = new Map<string, SignedTransaction>();
  #tip: StoredBlock;
  #syncing: Promise<void> = Promise.resolve();
  #running: Promise<void> | undefined;
  #lastStart = Number.NEGATIVE_INFINITY;
  #failure: Error | undefined;

  /** `tip` is the last durable block; the engine's state must be at its root. */
  constructor(parts: ChainParts, tip: StoredBlock) {
    this.#parts = parts;
    this.#tip = tip;
  }

  /** Why the chain takes no more transactions, once a block could not be made durable. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Whether it takes transactions. */
  get isOpen(): boolean {
    return this.#failure === undefined && !this.#closing.signal.aborted;
  }

  /** The last block that was executed; it may still be on its way to the disk. */
  get tip(): StoredBlock {
    return this.#tip;
  }

  /** The state after `tip` and what runs now: what the next transaction meets. */
  get pendingState(): JournaledState {
    return this.#parts.engine.state;
  }

  /** Calls back for every block once it is durable. */
  onDurable(listener: (block: SealedBlock) => void): void {
    this.#sealedListeners.add(listener);
  }

  /**
   * Checks a raw transaction and queues it. Its block may still fail to come: the receipt is the promise.
   * @throws RpcError -32000
   */
  submit(raw: Uint8Array): SignedTransaction {
    return this.accept(decodeSubmitted(this.#parts.rules, raw));
  }

  /** As `submit`, of a transaction that is decoded already. @throws RpcError -32000 */
  accept(transaction: SignedTransaction): SignedTransaction {
    if (this.#failure !== undefined) throw new RpcError(-32000, 'the chain is halted: a block could not be written');
    if (this.#closing.signal.aborted) throw new RpcError(-32000, 'the chain is closing');
    const { engine, pool, options } = this.#parts;
    if (pool.find(transaction.hash) ?? this.findUnsynced(transaction.hash)) throw new RpcError(-32000, 'already known');
    const stateNonce = admit(transaction, engine.state, options.gasLimit);
    pool.add(transaction, stateNonce);
    this.#start();
    return transaction;
  }

  /** The nonce the sender's next transaction should have. */
  pendingNonce(sender: Uint8Array): bigint {
    const stateNonce = this.#parts.engine.state.findAccount(sender)?.nonce ?? 0n;
    return this.#parts.pool.nextNonce(sender, stateNonce);
  }

  /** A transaction whose block is not durable yet, so that it does not vanish between pool and chain. */
  findUnsynced(hash: Uint8Array): SignedTransaction | undefined {
    return this.#unsynced.get(keyOf(hash));
  }

  /** Resolves when no block is being formed or synced. */
  async idle(): Promise<void> {
    await this.#running;
    await this.#syncing;
  }

  /** Stops forming blocks and waits for the one on its way to the disk. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.idle();
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#canRun()) this.#start();
    });
  }

  #canRun(): boolean {
    return this.#parts.pool.hasReady && this.#failure === undefined && !this.#closing.signal.aborted;
  }

  async #run(): Promise<void> {
    await nextTurn();
    try {
      while (this.#canRun()) {
        await this.#waitInterval();
        const block = await this.#form();
        await this.#syncing;
        if (block !== undefined && this.#failure === undefined) this.#syncing = this.#persist(block);
      }
      await this.#syncing;
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#failure ??= error instanceof Error ? error : new Error(String(error));
    }
  }

  async #waitInterval(): Promise<void> {
    const { options, clock } = this.#parts;
    const waitMs = this.#lastStart + options.blockIntervalMs - performance.now();
    if (waitMs >= 1) await clock.sleep(waitMs, this.#closing.signal);
    this.#lastStart = performance.now();
  }

  /** Runs what is ready into one block; undefined where nothing of it could run. */
  async #form(): Promise<SealedBlock | undefined> {
    const { engine, pool, store, options } = this.#parts;
    const builder = await BlockBuilder.open(engine, this.#nextHeader());
    const startedAt = performance.now();
    let turnAt = startedAt;
    for (let next = pool.peek(); next !== undefined; next = pool.peek()) {
      const result = await builder.add(next);
      if (result.kind === 'full') break;
      if (result.kind === 'added') this.#settle(next);
      else pool.drop(next, engine.state.findAccount(next.sender)?.nonce ?? 0n);
      const now = performance.now();
      if (now - startedAt > options.blockRunMs) break;
      if (now - turnAt > TURN_MS) {
        await nextTurn();
        turnAt = performance.now();
      }
    }
    if (builder.count === 0) {
      engine.state.reset(this.#tip.header.stateRoot);
      return undefined;
    }
    const block = builder.seal();
    store.stage(block.state);
    this.#tip = block;
    return block;
  }

  #settle(transaction: SignedTransaction): void {
    this.#parts.pool.settle(transaction);
    this.#unsynced.set(keyOf(transaction.hash), transaction);
  }

  #nextHeader(): OpenHeader {
    const { options, clock } = this.#parts;
    return nextHeader(this.#tip, options, clock.now());
  }

  async #persist(block: SealedBlock): Promise<void> {
    try {
      await this.#parts.store.append(block);
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
      return;
    }
    for (const hash of block.transactionHashes) this.#unsynced.delete(keyOf(hash));
    for (const listener of this.#sealedListeners) listener(block);
  }
}

/**
 * The header of the block after `parent`. Its time is the clock's, never before the parent's: several blocks may carry
 * the same second, and a clock that was set back is held.
 */
export function nextHeader(
  parent: StoredBlock,
  options: Pick<ChainOptions, 'gasLimit' | 'coinbase'>,
  nowMs: number,
): OpenHeader {
  const seconds = BigInt(Math.floor(nowMs / 1000));
  const floor = parent.header.timestamp;
  return {
    parentHash: parent.hash,
    coinbase: options.coinbase,
    number: parent.header.number + 1n,
    gasLimit: options.gasLimit,
    timestamp: seconds > floor ? seconds : floor,
    extraData: parent.header.extraData,
    prevRandao: parent.hash,
    baseFeePerGas: 0n,
  };
}

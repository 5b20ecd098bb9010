/**
 * Transactions that wait for a block, in memory; the journal beside it keeps them across a restart. For each sender there is a run of ready nonces, next in line one after another, and a bounded set of later ones behind a gap.
 * Ready transactions leave in the order they became ready: on a chain without fees there is nothing to bid with.
 */
import { keyOf } from '../bytes.ts';
import { feeCapOf, type SignedTransaction, tipCapOf } from '../chain/transaction.ts';
import { RpcError } from '../rpc/rpc-error.ts';

export type MempoolLimits = {
  /** Transactions in all. */
  readonly transactionsMax: number;
  /** Bytes of all raw transactions. */
  readonly bytesMax: number;
  /** Ready transactions of one sender. */
  readonly readyPerAccountMax: number;
  /** Transactions of one sender behind a gap in the nonces. */
  readonly queuedPerAccountMax: number;
};

/** Percent a replacement must offer more, as in the public clients. */
const REPLACEMENT_PERCENT = 10n;

type Slot = { transaction: SignedTransaction; isReady: boolean };
type AccountQueue = { next: bigint; readyCount: bigint; slots: Map<bigint, Slot> };

/** The pool. `next` nonces come from the caller: the state lives elsewhere. */
export class Mempool {
  readonly #limits: MempoolLimits;
  readonly #onDropped: (transaction: SignedTransaction) => void;
  readonly #accounts = new Map<string, AccountQueue>();
  readonly #byHash = new Map<string, SignedTransaction>();
  #ready: Slot[] = [];
  #bytes = 0;

  /** `onDropped` hears of each transaction that leaves without having been in a block: replaced, or no longer able. */
  constructor(limits: MempoolLimits, onDropped: (transaction: SignedTransaction) => void = () => undefined) {
    this.#limits = limits;
    this.#onDropped = onDropped;
  }

  /** Transactions in the pool. */
  get count(): number {
    return this.#byHash.size;
  }

  /** Those of them that could run next. */
  get readyCount(): number {
    return this.#ready.length;
  }

  /** Whether a block could be built. */
  get hasReady(): boolean {
    return this.#ready.length > 0;
  }

  /** A waiting transaction by its hash. */
  find(hash: Uint8Array): SignedTransaction | undefined {
    return this.#byHash.get(keyOf(hash));
  }

  /** All that wait, with whether each is ready: senders as they came, of each the lowest nonce first. */
  *entries(): Generator<{ readonly transaction: SignedTransaction; readonly isReady: boolean }> {
    for (const { slots } of this.#accounts.values()) {
      yield* [...slots].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, slot]) => slot);
    }
  }

  /** Those of one sender. */
  entriesOf(sender: Uint8Array): readonly { readonly transaction: SignedTransaction; readonly isReady: boolean }[] {
    const slots = this.#accounts.get(keyOf(sender))?.slots ?? new Map<bigint, Slot>();
    return [...slots].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, slot]) => slot);
  }

  /** The nonce after the sender's ready ones, given the account's nonce in the state. */
  nextNonce(sender: Uint8Array, stateNonce: bigint): bigint {
    const queue = this.#accounts.get(keyOf(sender));
    return queue === undefined ? stateNonce : queue.next + queue.readyCount;
  }

  /**
   * Takes a transaction in. Its sender's balance and nonce were checked against the state; `stateNonce` is that nonce.
   * @throws RpcError -32000 "already known", "replacement transaction underpriced", "account limit exceeded" or
   * "txpool is full".
   */
  add(transaction: SignedTransaction, stateNonce: bigint): void {
    if (this.find(transaction.hash) !== undefined) throw new RpcError(-32000, 'already known');
    const name = keyOf(transaction.sender);
    const queue = this.#accounts.get(name) ?? { next: stateNonce, readyCount: 0n, slots: new Map<bigint, Slot>() };
    const { nonce } = transaction.tx;
    const taken = queue.slots.get(nonce);
    if (taken !== undefined) {
      this.#replace(taken, transaction);
      return;
    }
    this.#checkRoom(transaction, queue);
    this.#accounts.set(name, queue);
    queue.slots.set(nonce, { transaction, isReady: false });
    this.#byHash.set(keyOf(transaction.hash), transaction);
    this.#bytes += transaction.raw.length;
    this.#promote(queue);
  }

  /** The transaction to run next; it stays until `settle` or `drop`. */
  peek(): SignedTransaction | undefined {
    return this.#ready[0]?.transaction;
  }

  /** The transaction that was peeked is in a block. */
  settle(transaction: SignedTransaction): void {
    this.#ready.shift();
    const name = keyOf(transaction.sender);
    const queue = this.#accounts.get(name)!;
    queue.next = transaction.tx.nonce + 1n;
    queue.readyCount -= 1n;
    this.#forget(queue, transaction);
    if (queue.slots.size === 0) this.#accounts.delete(name);
  }

  /** The transaction that was peeked cannot run: it leaves, and the sender's later ones wait behind the gap. */
  drop(transaction: SignedTransaction, stateNonce: bigint): void {
    const name = keyOf(transaction.sender);
    const queue = this.#accounts.get(name)!;
    this.#discard(queue, transaction);
    for (const slot of queue.slots.values()) slot.isReady = false;
    this.#ready = this.#ready.filter((slot) => slot.isReady && slot.transaction !== transaction);
    queue.next = stateNonce;
    queue.readyCount = 0n;
    for (const [nonce, slot] of queue.slots) if (nonce < stateNonce) this.#discard(queue, slot.transaction);
    this.#promote(queue);
    if (queue.slots.size === 0) this.#accounts.delete(name);
  }

  #promote(queue: AccountQueue): void {
    for (;;) {
      const slot = queue.slots.get(queue.next + queue.readyCount);
      if (slot === undefined) return;
      slot.isReady = true;
      queue.readyCount += 1n;
      this.#ready.push(slot);
    }
  }

  #checkRoom(transaction: SignedTransaction, queue: AccountQueue): void {
    const { transactionsMax, bytesMax, readyPerAccountMax, queuedPerAccountMax } = this.#limits;
    if (this.count >= transactionsMax || this.#bytes + transaction.raw.length > bytesMax) {
      throw new RpcError(-32000, 'txpool is full');
    }
    const ready = Number(queue.readyCount);
    const isNext = transaction.tx.nonce === queue.next + queue.readyCount;
    if (isNext ? ready >= readyPerAccountMax : queue.slots.size - ready >= queuedPerAccountMax) {
      throw new RpcError(-32000, 'account limit exceeded');
    }
  }

  #replace(slot: Slot, transaction: SignedTransaction): void {
    const old = slot.transaction;
    for (const priceOf of [feeCapOf, tipCapOf]) {
      const least = (priceOf(old.tx) * (100n + REPLACEMENT_PERCENT)) / 100n;
      const price = priceOf(transaction.tx);
      if (price < least || price <= priceOf(old.tx)) {
        throw new RpcError(-32000, 'replacement transaction underpriced');
      }
    }
    this.#byHash.delete(keyOf(old.hash));
    this.#byHash.set(keyOf(transaction.hash), transaction);
    this.#bytes += transaction.raw.length - old.raw.length;
    slot.transaction = transaction;
    this.#onDropped(old);
  }

  #discard(queue: AccountQueue, transaction: SignedTransaction): void {
    this.#forget(queue, transaction);
    this.#onDropped(transaction);
  }

  #forget(queue: AccountQueue, transaction: SignedTransaction): void {
    queue.slots.delete(transaction.tx.nonce);
    this.#byHash.delete(keyOf(transaction.hash));
    this.#bytes -= transaction.raw.length;
  }
}

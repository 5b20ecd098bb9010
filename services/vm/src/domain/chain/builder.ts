/** Builds one block: runs transactions one after another on the engine's state and seals what came of them. */
import type { Block } from '@ethereumjs/block';
import { type RunTxResult, runTx } from '@ethereumjs/vm';
import { orderedRoot } from '../trie/trie.ts';
import type { SealedBlock } from './block.ts';
import { bloomOf } from './bloom.ts';
import { type Engine, engineBlock, openBlockState } from './engine.ts';
import { type Header, headerHash, type OpenHeader } from './header.ts';
import { encodeConsensusReceipt, type Log, type Receipt } from './receipt.ts';
import type { SignedTransaction } from './transaction.ts';

/** `full`: try in the next block. `refused`: it can never run as things stand. */
export type AddResult = { kind: 'added' } | { kind: 'full' } | { kind: 'refused'; reason: string };

/** One block under construction; the engine is its own until `seal`. */
export class BlockBuilder {
  readonly #engine: Engine;
  readonly #header: OpenHeader;
  readonly #block: Block;
  readonly #included: SignedTransaction[] = [];
  readonly #receipts: Receipt[] = [];
  #gasUsed = 0n;

  private constructor(engine: Engine, header: OpenHeader) {
    this.#engine = engine;
    this.#header = header;
    this.#block = engineBlock(engine.rules, header);
  }

  /** Opens a block on the engine's state, which must be that of the parent. */
  static async open(engine: Engine, header: OpenHeader): Promise<BlockBuilder> {
    if (header.number > 0n) await openBlockState(engine.state, header);
    return new BlockBuilder(engine, header);
  }

  /** How many transactions are in. */
  get count(): number {
    return this.#included.length;
  }

  /** Runs a transaction. One that fails inside the EVM is added too, as a failed one. */
  async add(transaction: SignedTransaction): Promise<AddResult> {
    if (this.#gasUsed + transaction.tx.gasLimit > this.#header.gasLimit) return { kind: 'full' };
    let result: RunTxResult;
    try {
      result = await runTx(this.#engine.vm, {
        tx: transaction.tx,
        block: this.#block,
        skipHardForkValidation: true,
        blockGasUsed: this.#gasUsed,
      });
    } catch (error) {
      return { kind: 'refused', reason: error instanceof Error ? error.message : String(error) };
    }
    this.#gasUsed += result.totalGasSpent;
    this.#included.push(transaction);
    this.#receipts.push(receiptOf(transaction, result, this.#gasUsed));
    return { kind: 'added' };
  }

  /** Hashes state, transactions and receipts into the block. */
  seal(): SealedBlock {
    const state = this.#engine.state.seal();
    const header: Header = {
      ...this.#header,
      stateRoot: state.root,
      transactionsRoot: orderedRoot(this.#included.map(({ raw }) => raw)),
      receiptsRoot: orderedRoot(this.#receipts.map(encodeConsensusReceipt)),
      logsBloom: bloomOf(this.#receipts.flatMap(({ logs }) => logs)),
      gasUsed: this.#gasUsed,
    };
    return {
      hash: headerHash(header),
      header,
      transactions: this.#included.map(({ raw }) => raw),
      transactionHashes: this.#included.map(({ hash }) => hash),
      receipts: this.#receipts,
      state,
    };
  }
}

function receiptOf({ tx, sender }: SignedTransaction, result: RunTxResult, cumulativeGasUsed: bigint): Receipt {
  const logs: Log[] = (result.execResult.logs ?? []).map(([address, topics, data]) => ({ address, topics, data }));
  return {
    type: tx.type,
    isSuccess: result.execResult.exceptionError === undefined,
    gasUsed: result.totalGasSpent,
    cumulativeGasUsed,
    effectiveGasPrice: result.totalGasSpent === 0n ? 0n : result.amountSpent / result.totalGasSpent,
    sender,
    contractAddress: tx.to === undefined ? (result.createdAddress?.bytes ?? null) : null,
    logs,
  };
}

/** Runs messages on the state of a block and forgets what they did. */

import type { EVMResult } from '@ethereumjs/evm';
import { Address } from '@ethereumjs/util';
import { keyOf } from '../bytes.ts';
import { type Engine, engineBlock, openBlockState } from '../chain/engine.ts';
import type { OpenHeader } from '../chain/header.ts';
import { RpcError } from '../rpc/rpc-error.ts';
import { type AccessList, type CallMessage, intrinsicGas } from './message.ts';
import { type AccountOverride, applyOverrides } from './overrides.ts';

/** Where a call runs: a state, and the block it believes to be in. */
export type CallContext = {
  readonly stateRoot: Uint8Array;
  readonly header: OpenHeader;
  /** The block is not sealed yet: its parent's hash is put where EIP-2935 wants it first. */
  readonly isPending: boolean;
  readonly overrides: readonly AccountOverride[];
};

export type CallOutcome = {
  readonly isSuccess: boolean;
  readonly isRevert: boolean;
  /** The engine's word for the failure. */
  readonly failure: string | undefined;
  readonly returnData: Uint8Array;
  /** After refunds, at least the calldata floor. */
  readonly gasUsed: bigint;
  /** What the execution must be given at least: before refunds. */
  readonly gasNeeded: bigint;
  /** Addresses and slots touched, where asked for. */
  readonly accessed: AccessList;
};

/** What watches a call from its start to its end, and says then what it saw. The state is still the call's by then. */
export interface CallWatch<Seen> extends Disposable {
  finish(outcome: CallOutcome): Seen;
}

/** One engine, one call at a time: callers queue. */
export class CallRunner {
  readonly #engine: Engine;
  #last: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * Runs a message with a gas limit.
   * @throws RpcError -32000 where it cannot start: intrinsic gas, balance.
   */
  run(message: CallMessage, gasLimit: bigint, context: CallContext, reportAccess = false): Promise<CallOutcome> {
    return this.#inTurn(() =>
      this.#onState(context, () => this.#execute(message, gasLimit, context.header, reportAccess)),
    );
  }

  /** As `run`, watched: answers what the watch says at the end. It begins once the overrides are in place. */
  watch<Seen>(
    message: CallMessage,
    gasLimit: bigint,
    context: CallContext,
    begin: (engine: Engine) => CallWatch<Seen>,
  ): Promise<Seen> {
    return this.#inTurn(() =>
      this.#onState(context, async () => {
        using watching = begin(this.#engine);
        return watching.finish(await this.#execute(message, gasLimit, context.header, false));
      }),
    );
  }

  /** Lends the engine, at the state of `root`, for as long as `work` takes. What it did to the state is forgotten. */
  borrow<T>(root: Uint8Array, work: (engine: Engine) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      const { state } = this.#engine;
      state.reset(root);
      try {
        return await work(this.#engine);
      } finally {
        state.reset(root);
        this.#clean();
      }
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** What an execution leaves beside the state. */
  #clean(): void {
    const { evm } = this.#engine;
    evm.journal.cleanJournal();
    delete evm.journal.accessList;
    evm.transientStorage.clear();
  }

  async #onState<T>(context: CallContext, work: () => Promise<T>): Promise<T> {
    const { state } = this.#engine;
    if (keyOf(state.root) !== keyOf(context.stateRoot)) state.reset(context.stateRoot);
    await state.checkpoint();
    try {
      if (context.isPending) await openBlockState(state, context.header);
      await applyOverrides(state, context.overrides);
      const outcome = await work();
      await state.revert();
      state.discard();
      return outcome;
    } catch (error) {
      state.reset(context.stateRoot);
      throw error;
    } finally {
      this.#clean();
    }
  }

  async #execute(message: CallMessage, gasLimit: bigint, header: OpenHeader, access: boolean): Promise<CallOutcome> {
    const { evm, rules } = this.#engine;
    const { intrinsic, least } = intrinsicGas(rules, message);
    if (gasLimit < least) {
      throw new RpcError(-32000, `intrinsic gas too low: gas ${gasLimit}, minimum needed ${least}`);
    }
    this.#checkBalance(message);
    this.#warm(message, header, access);
    const from = new Address(message.from);
    const result = await evm.runCall({
      block: engineBlock(rules, header),
      caller: from,
      origin: from,
      gasPrice: message.gasPrice,
      gasLimit: gasLimit - intrinsic,
      data: message.data,
      value: message.value,
      ...(message.to === undefined ? {} : { to: new Address(message.to) }),
    });
    return { ...this.#outcome(result, intrinsic, least), accessed: access ? this.#accessed(message) : [] };
  }

  #checkBalance(message: CallMessage): void {
    const balance = this.#engine.state.findAccount(message.from)?.balance ?? 0n;
    if (balance >= message.value) return;
    throw new RpcError(
      -32000,
      `insufficient funds for gas * price + value: address 0x${keyOf(message.from)} have ${balance} want ${message.value}`,
    );
  }

  /** EIP-2929, 2930 and 3651: what a transaction finds warm. */
  #warm(message: CallMessage, header: OpenHeader, access: boolean): void {
    const { journal, precompiles } = this.#engine.evm;
    if (access) journal.startReportingAccessList();
    for (const address of precompiles.keys()) journal.addAlwaysWarmAddress(address);
    for (const address of [message.from, header.coinbase, ...(message.to === undefined ? [] : [message.to])]) {
      journal.addAlwaysWarmAddress(keyOf(address));
    }
    for (const { address, slots } of message.accessList) {
      journal.addAlwaysWarmAddress(keyOf(address), access);
      for (const slot of slots) journal.addAlwaysWarmSlot(keyOf(address), keyOf(slot), access);
    }
  }

  #outcome(result: EVMResult, intrinsic: bigint, least: bigint): Omit<CallOutcome, 'accessed'> {
    const { execResult } = result;
    const failure = execResult.exceptionError?.error;
    const spent = execResult.executionGasUsed + intrinsic;
    const refundMax = spent / this.#engine.rules.param('maxRefundQuotient');
    const refund = execResult.gasRefund ?? 0n;
    const net = spent - (refund < refundMax ? refund : refundMax);
    return {
      isSuccess: failure === undefined,
      isRevert: failure === 'revert',
      failure,
      returnData: execResult.returnValue,
      gasUsed: net > least ? net : least,
      gasNeeded: spent > least ? spent : least,
    };
  }

  #accessed(message: CallMessage): AccessList {
    const { journal, precompiles } = this.#engine.evm;
    const hidden = new Set([...precompiles.keys(), keyOf(message.from), message.to ? keyOf(message.to) : '']);
    return [...(journal.accessList ?? [])]
      .filter(([address, slots]) => slots.size > 0 || !hidden.has(address))
      .map(([address, slots]) => ({
        address: Uint8Array.from(Buffer.from(address, 'hex')),
        slots: [...slots].map((slot) => Uint8Array.from(Buffer.from(slot, 'hex'))),
      }));
  }
}

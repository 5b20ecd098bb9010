/** Runs the transactions of a block again, on the state it began with. */
import { runTx } from '@ethereumjs/vm';
import { keyOf } from '../bytes.ts';
import type { StoredBlock } from '../chain/block.ts';
import { type Engine, engineBlock, openBlockState } from '../chain/engine.ts';
import type { Receipt } from '../chain/receipt.ts';
import { decodeStored } from '../chain/transaction.ts';
import type { TracerFactory } from './options.ts';
import { createAddress } from './prestate-tracer.ts';
import { attachTracer, type TraceBudget } from './tracer.ts';

export type Replay = {
  readonly block: StoredBlock;
  readonly receipts: readonly Receipt[];
  /** Which transactions of the block are traced; those before them only run. */
  readonly from: number;
  readonly to: number;
  readonly createTracer: TracerFactory;
  readonly budget: TraceBudget;
};

/**
 * The traces of transactions `from` to `to` (inclusive). The engine must be at the parent's state and is left dirty.
 * @throws RpcError -32005 where the traces are too large; Error where a transaction uses other gas than its receipt says
 */
export async function replayBlock(engine: Engine, replay: Replay): Promise<unknown[]> {
  const { block, receipts, from, to, createTracer, budget } = replay;
  const { rules, state, evm, vm } = engine;
  const within = engineBlock(rules, block.header);
  await openBlockState(state, block.header);
  const traces: unknown[] = [];
  let blockGasUsed = 0n;
  for (let index = 0; index <= to; index++) {
    const tx = decodeStored(rules, block.transactions[index]!);
    const receipt = receipts[index]!;
    const parties = (): Uint8Array[] => [
      receipt.sender,
      tx.to?.bytes ?? createAddress(receipt.sender, tx.nonce),
      block.header.coinbase,
    ];
    const tracer = index < from ? undefined : createTracer(state, budget, parties);
    using _attached = tracer === undefined ? undefined : attachTracer(evm, tracer, budget);
    const result = await runTx(vm, { tx, block: within, skipHardForkValidation: true, blockGasUsed });
    if (result.totalGasSpent !== receipt.gasUsed) {
      throw new Error(
        `transaction ${index} of block 0x${keyOf(block.hash)} used ${result.totalGasSpent} gas again, ${receipt.gasUsed} before`,
      );
    }
    blockGasUsed += result.totalGasSpent;
    budget.check();
    const { returnValue, exceptionError } = result.execResult;
    const outcome = {
      gasLimit: tx.gasLimit,
      gasUsed: receipt.gasUsed,
      isSuccess: exceptionError === undefined,
      returnData: returnValue,
    };
    if (tracer !== undefined) traces.push(tracer.finish(outcome));
    budget.check();
  }
  return traces;
}

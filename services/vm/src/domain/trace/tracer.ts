/** Watching an execution: what a tracer is told, and how it is put on the engine. */
import type { EVM, EVMResult, InterpreterStep, Message } from '@ethereumjs/evm';
import { RpcError } from '../rpc/rpc-error.ts';

/** What came of the execution as a whole. */
export type TraceOutcome = {
  /** Gas the transaction or call was given. */
  readonly gasLimit: bigint;
  /** Gas it is charged, after refunds. */
  readonly gasUsed: bigint;
  readonly isSuccess: boolean;
  readonly returnData: Uint8Array;
};

/** Hears of one execution and says at its end what was traced. */
export interface Tracer {
  /** Before an instruction. */
  onStep?(step: InterpreterStep): void;
  /** Before a message: the transaction's own, a call, or a creation. */
  onEnter?(message: Message): void;
  /** After the message entered last. */
  onExit?(result: EVMResult): void;
  /** The trace, ready for JSON. */
  finish(outcome: TraceOutcome): unknown;
}

/** Bytes of JSON that one answer may hold, about; shared by the traces of a block. What blockchain-api hands on is 16 MiB. */
const ANSWER_BYTES_MAX = 15 * 1024 * 1024;

/** What one answer may still take. */
export class TraceBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number = ANSWER_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /** Whether more was taken than there was. A tracer that sees it collects no more. */
  get isExceeded(): boolean {
    return this.#bytes > this.#bytesMax;
  }

  take(bytes: number): void {
    this.#bytes += bytes;
  }

  /** @throws RpcError -32005 where the traces outgrew the answer */
  check(): void {
    if (!this.isExceeded) return;
    throw new RpcError(
      -32005,
      `the trace is larger than ${this.#bytesMax} bytes: ask for less (callTracer, disableStack, disableStorage, limit)`,
    );
  }
}

/** Puts a tracer on the engine until it is disposed. Without one the engine tells nobody, which is much faster. */
export function attachTracer(evm: EVM, tracer: Tracer, budget: TraceBudget): Disposable {
  const onStep = (step: InterpreterStep): void => {
    tracer.onStep?.(step);
    // Ends the execution: there is nothing left to learn from it.
    budget.check();
  };
  const onEnter = (message: Message): void => tracer.onEnter?.(message);
  const onExit = (result: EVMResult): void => tracer.onExit?.(result);
  if (tracer.onStep !== undefined) evm.events.on('step', onStep);
  evm.events.on('beforeMessage', onEnter);
  evm.events.on('afterMessage', onExit);
  return {
    [Symbol.dispose]: () => {
      evm.events.off('step', onStep);
      evm.events.off('beforeMessage', onEnter);
      evm.events.off('afterMessage', onExit);
    },
  };
}

/** The public clients' words for a failure, from the engine's. */
export function failureText(error: string): string {
  return error === 'revert' ? 'execution reverted' : error;
}

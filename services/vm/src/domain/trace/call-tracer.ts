/** `callTracer`: the tree of calls and creations of an execution, in the form the public clients give it. */
import type { EVMResult, InterpreterStep, Message } from '@ethereumjs/evm';
import { bigToBytes, padLeft, toHex, toQuantity } from '../bytes.ts';
import { revertReason } from '../call/revert.ts';
import { opcodes, stackItem } from './opcodes.ts';
import { failureText, type TraceBudget, type TraceOutcome, type Tracer } from './tracer.ts';

export type CallTracerOptions = {
  /** Only the transaction's own call. */
  readonly onlyTopCall: boolean;
  /** With the logs, except of calls that failed. */
  readonly withLog: boolean;
};

type LogEntry = { address: string; topics: string[]; data: string; position: string };

type Frame = {
  type: string;
  from: string;
  to?: string;
  value?: string;
  gas: string;
  gasUsed: string;
  input: string;
  output?: string;
  error?: string;
  revertReason?: string;
  calls?: Frame[];
  logs?: LogEntry[];
};

const TYPES: Readonly<Record<number, string>> = {
  [opcodes.call]: 'CALL',
  [opcodes.callcode]: 'CALLCODE',
  [opcodes.delegatecall]: 'DELEGATECALL',
  [opcodes.staticcall]: 'STATICCALL',
  [opcodes.create]: 'CREATE',
  [opcodes.create2]: 'CREATE2',
};

/** Bytes of JSON of a frame without its data. */
const FRAME_BYTES = 300;

export class CallTracer implements Tracer {
  readonly #options: CallTracerOptions;
  readonly #budget: TraceBudget;
  /** The frames that are open; undefined stands for one that is not shown. */
  readonly #open: (Frame | undefined)[] = [];
  #top: Frame | undefined;
  #lastOpcode = 0;

  constructor(options: CallTracerOptions, budget: TraceBudget) {
    this.#options = options;
    this.#budget = budget;
  }

  onStep({ opcode, stack, address, memory }: InterpreterStep): void {
    const { code } = opcode;
    this.#lastOpcode = code;
    const frame = this.#open.at(-1);
    if (frame === undefined) return;
    if (code >= opcodes.log0 && code <= opcodes.log4 && this.#options.withLog) {
      const size = Number(stackItem(stack, 1));
      const topics = Array.from({ length: code - opcodes.log0 }, (_, at) => wordOf(stackItem(stack, at + 2)));
      this.#budget.take(size * 2 + FRAME_BYTES);
      if (this.#budget.isExceeded) return;
      frame.logs ??= [];
      frame.logs.push({
        address: address.toString(),
        topics,
        data: toHex(sliceOf(memory, Number(stackItem(stack, 0)), size)),
        position: toQuantity(frame.calls?.length ?? 0),
      });
    }
  }

  onEnter(message: Message): void {
    const parent = this.#open.at(-1);
    if (message.depth > 0 && (parent === undefined || this.#options.onlyTopCall || this.#budget.isExceeded)) {
      this.#open.push(undefined);
      return;
    }
    this.#budget.take(FRAME_BYTES + message.data.length * 2);
    const frame = this.#frameOf(message);
    if (parent === undefined) this.#top = frame;
    else {
      parent.calls ??= [];
      parent.calls.push(frame);
    }
    this.#open.push(frame);
  }

  onExit({ createdAddress, execResult }: EVMResult): void {
    const frame = this.#open.pop();
    if (frame === undefined) return;
    const { exceptionError, executionGasUsed, returnValue } = execResult;
    frame.gasUsed = toQuantity(executionGasUsed);
    if (exceptionError !== undefined) {
      frame.error = failureText(exceptionError.error);
      if (frame.type.startsWith('CREATE')) delete frame.to;
      if (exceptionError.error !== 'revert') return;
      const reason = revertReason(returnValue);
      if (reason !== undefined) frame.revertReason = reason;
    } else if (createdAddress !== undefined) {
      frame.to = createdAddress.toString();
    }
    this.#budget.take(returnValue.length * 2);
    if (returnValue.length > 0 && !this.#budget.isExceeded) frame.output = toHex(returnValue);
  }

  finish({ gasLimit, gasUsed }: TraceOutcome): unknown {
    const top = this.#top;
    if (top === undefined) return null;
    top.gas = toQuantity(gasLimit);
    top.gasUsed = toQuantity(gasUsed);
    dropFailedLogs(top, false);
    return top;
  }

  #frameOf(message: Message): Frame {
    const { depth, caller, to, value, data, gasLimit } = message;
    const type = depth === 0 ? (to === undefined ? 'CREATE' : 'CALL') : (TYPES[this.#lastOpcode] ?? 'CALL');
    const isBorrowed = type === 'DELEGATECALL' || type === 'CALLCODE';
    const target = isBorrowed ? message.codeAddress : to;
    return {
      type,
      from: (type === 'DELEGATECALL' && to !== undefined ? to : caller).toString(),
      ...(target === undefined ? {} : { to: target.toString() }),
      ...(type === 'STATICCALL' ? {} : { value: toQuantity(value) }),
      gas: toQuantity(gasLimit),
      gasUsed: '0x0',
      input: toHex(data),
    };
  }
}

/** What a failed call logged never was; nor what its callees logged. */
function dropFailedLogs(frame: Frame, hasFailed: boolean): void {
  const isFailed = hasFailed || frame.error !== undefined;
  if (isFailed) delete frame.logs;
  for (const call of frame.calls ?? []) dropFailedLogs(call, isFailed);
}

function wordOf(value: bigint): string {
  return toHex(padLeft(bigToBytes(value), 32));
}

/** Bytes of a memory that may not have grown so far yet: the rest is zero. */
function sliceOf(memory: Uint8Array, from: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes.set(memory.subarray(from, from + size));
  return bytes;
}

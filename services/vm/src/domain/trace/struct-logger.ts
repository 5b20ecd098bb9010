/** The tracer without a name: every instruction with the stack, memory and storage it finds. */
import type { EVMResult, InterpreterStep, Message } from '@ethereumjs/evm';
import { bigToBytes, keyOf, padLeft, toHex, toQuantity } from '../bytes.ts';
import type { JournaledState } from '../state/journaled-state.ts';
import { CALL_STIPEND, opcodes, stackItem } from './opcodes.ts';
import { failureText, type TraceBudget, type TraceOutcome, type Tracer } from './tracer.ts';

export type StructLoggerOptions = {
  readonly disableStack: boolean;
  readonly disableStorage: boolean;
  readonly enableMemory: boolean;
  readonly enableReturnData: boolean;
  /** Most instructions to show; 0: all of them. */
  readonly limit: number;
};

type StructLog = {
  pc: number;
  op: string;
  gas: number;
  gasCost: number;
  depth: number;
  error?: string;
  stack?: string[];
  memory?: string[];
  storage?: Record<string, string>;
  returnData?: string;
  refund?: number;
};

/** Bytes of JSON of an instruction without what it finds, and of one word. */
const LOG_BYTES = 90;
const WORD_BYTES = 70;

export class StructLogger implements Tracer {
  readonly #options: StructLoggerOptions;
  readonly #budget: TraceBudget;
  readonly #state: JournaledState;
  readonly #logs: StructLog[] = [];
  /** By contract: the slots it touched so far, with the value each has after that. */
  readonly #touched = new Map<string, Map<string, string>>();
  #returnData: Uint8Array = new Uint8Array(0);
  #lastOpcode = 0;
  #isFull = false;

  constructor(options: StructLoggerOptions, state: JournaledState, budget: TraceBudget) {
    this.#options = options;
    this.#state = state;
    this.#budget = budget;
  }

  onStep(step: InterpreterStep): void {
    const { limit } = this.#options;
    this.#lastOpcode = step.opcode.code;
    this.#isFull = limit > 0 && this.#logs.length >= limit;
    if (this.#isFull) return;
    const { opcode, stack, gasLeft, gasRefund } = step;
    const stored = this.#storageOf(step);
    const log: StructLog = {
      pc: step.pc,
      op: opcode.name,
      gas: Number(gasLeft),
      gasCost: Number(opcode.dynamicFee ?? opcode.fee),
      depth: step.depth + 1,
    };
    const memory = this.#options.enableMemory ? wordsOf(step.memory) : [];
    const words = (this.#options.disableStack ? 0 : stack.length) + memory.length + Object.keys(stored).length * 2;
    this.#budget.take(LOG_BYTES + words * WORD_BYTES);
    if (this.#budget.isExceeded) return;
    if (!this.#options.disableStack) log.stack = stack.map(toQuantity);
    if (memory.length > 0) log.memory = memory;
    if (Object.keys(stored).length > 0) log.storage = stored;
    if (gasRefund > 0n) log.refund = Number(gasRefund);
    if (this.#options.enableReturnData && this.#returnData.length > 0) {
      this.#budget.take(this.#returnData.length * 2);
      if (!this.#budget.isExceeded) log.returnData = toHex(this.#returnData);
    }
    this.#logs.push(log);
  }

  /** The gas that a call passes on is part of what the instruction costs. */
  onEnter({ depth, gasLimit, value }: Message): void {
    const last = this.#logs.at(-1);
    if (depth === 0 || last === undefined || this.#isFull) return;
    const isCreation = this.#lastOpcode === opcodes.create || this.#lastOpcode === opcodes.create2;
    if (isCreation) return;
    const hasStipend = value > 0n && this.#lastOpcode !== opcodes.delegatecall;
    last.gasCost += Number(gasLimit - (hasStipend ? CALL_STIPEND : 0n));
  }

  onExit({ execResult, createdAddress }: EVMResult): void {
    const { exceptionError, returnValue } = execResult;
    this.#returnData = createdAddress === undefined || exceptionError !== undefined ? returnValue : new Uint8Array(0);
    const last = this.#logs.at(-1);
    if (exceptionError === undefined || exceptionError.error === 'revert' || last === undefined || this.#isFull) return;
    last.error ??= failureText(exceptionError.error);
  }

  finish({ gasUsed, isSuccess, returnData }: TraceOutcome): unknown {
    return {
      gas: Number(gasUsed),
      failed: !isSuccess,
      returnValue: toHex(returnData),
      structLogs: this.#logs,
    };
  }

  /** What SLOAD and SSTORE show: the contract's slots touched so far. */
  #storageOf({ opcode, stack, address }: InterpreterStep): Record<string, string> {
    const isWrite = opcode.code === opcodes.sstore;
    if (this.#options.disableStorage || (opcode.code !== opcodes.sload && !isWrite)) return {};
    const slot = padLeft(bigToBytes(stackItem(stack, 0)), 32);
    const value = isWrite
      ? padLeft(bigToBytes(stackItem(stack, 1)), 32)
      : padLeft(this.#state.readSlot(address.bytes, slot), 32);
    const name = keyOf(address.bytes);
    const slots = this.#touched.get(name) ?? new Map<string, string>();
    this.#touched.set(name, slots.set(keyOf(slot), keyOf(value)));
    return Object.fromEntries(slots);
  }
}

function wordsOf(memory: Uint8Array): string[] {
  return Array.from({ length: Math.ceil(memory.length / 32) }, (_, at) =>
    keyOf(memory.subarray(at * 32, at * 32 + 32)),
  );
}

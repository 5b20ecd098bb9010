/** `debug_trace…`: what an execution did, in the forms of the public clients. */
import { toHex } from '../bytes.ts';
import { type CallMessage, parseCallMessage } from '../call/message.ts';
import type { StoredBlock } from '../chain/block.ts';
import { parseTraceOptions, type TracerFactory } from '../trace/options.ts';
import { createAddress } from '../trace/prestate-tracer.ts';
import { replayBlock } from '../trace/replay.ts';
import { attachTracer, TraceBudget } from '../trace/tracer.ts';
import { getBlock } from './block-source.ts';
import { type CallParts, callGas, contextAt } from './call-methods.ts';
import { receiptsOf } from './chain-methods.ts';
import { transactionHash } from './format.ts';
import type { RpcMethods } from './methods.ts';
import { optional, parseBlockRef, parseFixed, parseObject } from './params.ts';
import { invalidParams, RpcError } from './rpc-error.ts';

/** Methods that run transactions again, or calls, under a tracer. */
export function traceMethods(parts: CallParts): RpcMethods {
  const { reader } = parts;
  const traceBlock = async (ref: unknown, options: unknown): Promise<unknown> => {
    const block = getBlock(reader, parseBlockRef(ref));
    const createTracer = parseTraceOptions(options);
    if (block.header.number === 0n) throw new RpcError(-32000, 'genesis is not traceable');
    const results = await replay(parts, block, { from: 0, to: block.transactions.length - 1, createTracer });
    return results.map((result, index) => ({ txHash: toHex(transactionHash(block, index)), result }));
  };
  return {
    debug_traceTransaction: async ([hash, options]) => {
      const place = reader.findTransaction(parseFixed(hash, 'transactionHash', 32));
      const createTracer = parseTraceOptions(options);
      if (place === undefined) throw new RpcError(-32000, 'transaction not found');
      const block = getBlock(reader, { kind: 'number', number: place.blockNumber });
      const [trace] = await replay(parts, block, { from: place.index, to: place.index, createTracer });
      return trace;
    },
    debug_traceBlockByNumber: ([ref, options]) => traceBlock(ref, options),
    debug_traceBlockByHash: ([hash, options]) => traceBlock({ blockHash: hash }, options),
    debug_traceCall: async ([transaction, ref, options]) => {
      const message = parseCallMessage(transaction);
      const { stateOverrides, blockOverrides } = optional(options, (given) => parseObject(given, 'options')) ?? {};
      if (blockOverrides !== undefined && blockOverrides !== null) {
        throw invalidParams('blockOverrides: not offered for traces');
      }
      return await traceCall(parts, message, contextAt(parts, parseBlockRef(ref), stateOverrides), options);
    },
  };
}

async function replay(
  { reader, runner }: CallParts,
  block: StoredBlock,
  range: { from: number; to: number; createTracer: TracerFactory },
): Promise<unknown[]> {
  const parent = getBlock(reader, { kind: 'number', number: Number(block.header.number) - 1 });
  const receipts = receiptsOf(reader, block);
  const budget = new TraceBudget();
  return await runner.borrow(
    parent.header.stateRoot,
    async (engine) => await replayBlock(engine, { block, receipts, ...range, budget }),
  );
}

async function traceCall(
  parts: CallParts,
  message: CallMessage,
  context: ReturnType<typeof contextAt>,
  options: unknown,
): Promise<unknown> {
  const gasLimit = callGas(parts, message);
  const budget = new TraceBudget();
  const createTracer = parseTraceOptions(options);
  const trace = await parts.runner.watch(message, gasLimit, context, ({ state, evm }) => {
    const parties = (): Uint8Array[] => {
      const created = createAddress(message.from, state.findAccount(message.from)?.nonce ?? 0n);
      return [message.from, message.to ?? created, context.header.coinbase];
    };
    const tracer = createTracer(state, budget, parties);
    const attached = attachTracer(evm, tracer, budget);
    return {
      finish: (outcome) => tracer.finish({ gasLimit, ...outcome }),
      [Symbol.dispose]: () => attached[Symbol.dispose](),
    };
  });
  budget.check();
  return trace;
}

/** Execution without a transaction. */
import { toHex, toQuantity } from '../bytes.ts';
import type { CallContext, CallRunner } from '../call/call-runner.ts';
import { estimateGas } from '../call/estimate.ts';
import { type CallMessage, parseCallMessage } from '../call/message.ts';
import { parseOverrides } from '../call/overrides.ts';
import { revertError } from '../call/revert.ts';
import type { ChainReader } from '../chain/block.ts';
import { type ChainOptions, nextHeader } from '../chain/chain.ts';
import { TRANSACTION_GAS_MAX } from '../chain/rules.ts';
import type { JournaledState } from '../state/journaled-state.ts';
import { getBlock } from './block-source.ts';
import type { RpcMethods } from './methods.ts';
import { type BlockRef, optional, parseBlockRef } from './params.ts';
import { RpcError } from './rpc-error.ts';

export type CallParts = {
  readonly reader: ChainReader;
  readonly runner: CallRunner;
  readonly options: Pick<ChainOptions, 'gasLimit' | 'coinbase'>;
  /** Gas one call may use. */
  readonly gasMax: bigint;
  /** Milliseconds since 1970: the time of a pending block. */
  readonly now: () => number;
  readonly stateAt: (root: Uint8Array) => JournaledState;
};

/** `eth_call`, `eth_estimateGas` and `eth_createAccessList`. */
export function callMethods(parts: CallParts): RpcMethods {
  const { runner } = parts;
  return {
    eth_call: async ([transaction, ref, overrides]) => {
      const message = parseCallMessage(transaction);
      const context = contextAt(parts, parseBlockRef(ref), overrides);
      const outcome = await runner.run(message, callGas(parts, message), context);
      if (outcome.isRevert) throw revertError(outcome.returnData);
      if (!outcome.isSuccess) throw new RpcError(-32000, outcome.failure ?? 'execution failed');
      return toHex(outcome.returnData);
    },
    eth_estimateGas: async ([transaction, ref, overrides]) => {
      const message = parseCallMessage(transaction);
      const context = contextAt(parts, parseBlockRef(ref, { kind: 'pending' }), overrides);
      const gas = callGas(parts, message);
      const limit = affordableGas(parts, message, context, gas < TRANSACTION_GAS_MAX ? gas : TRANSACTION_GAS_MAX);
      return toQuantity(await estimateGas(runner, message, limit, context));
    },
    eth_createAccessList: async ([transaction, ref]) => {
      const message = parseCallMessage(transaction);
      const context = contextAt(parts, parseBlockRef(ref), undefined);
      const gas = callGas(parts, message);
      const { accessed } = await runner.run(message, gas, context, true);
      const outcome = await runner.run({ ...message, accessList: accessed }, gas, context);
      return {
        accessList: accessed.map(({ address, slots }) => ({ address: toHex(address), storageKeys: slots.map(toHex) })),
        gasUsed: toQuantity(outcome.gasUsed),
        ...(outcome.failure === undefined ? {} : { error: outcome.failure }),
      };
    },
    /** For `POST /call`: the result with its gas, in one answer. */
    lucid_call: async ([transaction, ref]) => {
      const message = parseCallMessage(transaction);
      const context = contextAt(parts, parseBlockRef(ref), undefined);
      const outcome = await runner.run(message, callGas(parts, message), context);
      if (outcome.isRevert) throw revertError(outcome.returnData);
      if (!outcome.isSuccess) throw new RpcError(-32000, outcome.failure ?? 'execution failed');
      return { result: toHex(outcome.returnData), gasUsed: toQuantity(outcome.gasUsed) };
    },
  };
}

/** The gas a call gets: what it asks for, within the limit. */
export function callGas({ gasMax }: CallParts, { gasLimit }: CallMessage): bigint {
  return gasLimit !== undefined && gasLimit < gasMax ? gasLimit : gasMax;
}

/** A sender that offers a price can use no more gas than it can pay. @throws RpcError -32000 */
function affordableGas({ stateAt }: CallParts, message: CallMessage, context: CallContext, limit: bigint): bigint {
  if (message.gasPrice === 0n) return limit;
  const balance = stateAt(context.stateRoot).findAccount(message.from)?.balance ?? 0n;
  if (balance < message.value) throw new RpcError(-32000, 'insufficient funds for transfer');
  const allowance = (balance - message.value) / message.gasPrice;
  return allowance < limit ? allowance : limit;
}

/** At `pending` a call runs in the block that would be next, now: on a chain without empty blocks, time moves there. */
export function contextAt(parts: CallParts, ref: BlockRef, overrides: unknown): CallContext {
  const { reader, options, now } = parts;
  const block = getBlock(reader, ref);
  const isPending = ref.kind === 'pending';
  return {
    stateRoot: block.header.stateRoot,
    header: isPending ? nextHeader(block, options, now()) : block.header,
    isPending,
    overrides: optional(overrides, parseOverrides) ?? [],
  };
}

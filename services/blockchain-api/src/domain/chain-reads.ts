import { commonError } from '@lucid/common/apis/error-factory';
import { blockchainError } from '../errors.ts';
import type { ChainRpc, RpcCall, RpcOutcome } from './json-rpc.ts';

/** One call of the chain; `T` is the execution API's word for the method. @throws CHAIN_CALL_FAILED with the chain's own code, message and data */
export async function callChain<T>(
  rpc: ChainRpc,
  method: string,
  params: readonly unknown[],
  signal?: AbortSignal,
): Promise<T> {
  const [outcome] = await rpc.send([{ method, params }], signal);
  return resultOf(outcome) as T;
}

/** Several calls in one request. @throws CHAIN_CALL_FAILED for the first one that failed */
export async function callChainAll<T>(
  rpc: ChainRpc,
  calls: readonly RpcCall[],
  signal?: AbortSignal,
): Promise<readonly T[]> {
  if (calls.length === 0) return [];
  return (await rpc.send(calls, signal)).map((outcome) => resultOf(outcome) as T);
}

/** The result of an outcome. @throws CHAIN_CALL_FAILED */
export function resultOf(outcome: RpcOutcome | undefined): unknown {
  if (outcome && 'result' in outcome) return outcome.result;
  const error = outcome?.error ?? { code: 0, message: 'no answer' };
  throw blockchainError('CHAIN_CALL_FAILED', `The chain refused a call: ${error.message}`, { data: { error } });
}

/** The revert data of a failed call, if the failure is a revert that has some. */
export function findRevertData(outcome: RpcOutcome): string | undefined {
  if ('result' in outcome) return undefined;
  const { data } = outcome.error;
  return typeof data === 'string' && data.startsWith('0x') ? data : undefined;
}

/** An Ethereum quantity (`0x1a`) as a number. @throws INTERNAL when it passes 2^53, or is no quantity */
export function toNumber(quantity: string): number {
  const value = Number(BigInt(quantity));
  if (!Number.isSafeInteger(value)) throw commonError('INTERNAL', 'A quantity of the chain passes 2^53.');
  return value;
}

export function toQuantity(value: number): string {
  return `0x${value.toString(16)}`;
}

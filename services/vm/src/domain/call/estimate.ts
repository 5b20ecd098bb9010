/** The least gas limit a call succeeds with. */
import { RpcError } from '../rpc/rpc-error.ts';
import type { CallContext, CallOutcome, CallRunner } from './call-runner.ts';
import type { CallMessage } from './message.ts';
import { revertError } from './revert.ts';

/** What a CALL with value adds for its callee (Yellow Paper, G_callstipend): part of the first guess. */
const CALL_STIPEND = 2300n;
/** A transfer to an account without code costs exactly this. */
const TRANSFER_GAS = 21_000n;
/** The search ends when the answer is known to 1.5 %, as in the public clients. */
const TOLERANCE_PERMILLE = 15n;

/**
 * Searches the limit: one run with all the gas, a guess from what it used, then halving.
 * @throws RpcError 3 where the call reverts with any limit, -32000 where the limit is not enough.
 */
export async function estimateGas(
  runner: CallRunner,
  message: CallMessage,
  limitMax: bigint,
  context: CallContext,
): Promise<bigint> {
  const first = await runner.run(message, limitMax, context);
  if (first.isRevert) throw revertError(first.returnData);
  if (!first.isSuccess) throw failureAt(limitMax, first);
  if (first.gasNeeded === TRANSFER_GAS && (await succeeds(runner, message, TRANSFER_GAS, context))) return TRANSFER_GAS;
  let low = first.gasUsed - 1n;
  let high = limitMax;
  const guess = ((first.gasNeeded + CALL_STIPEND) * 64n) / 63n;
  if (guess < high) {
    if (await succeeds(runner, message, guess, context)) high = guess;
    else low = guess;
  }
  while (low + 1n < high && (high - low) * 1000n > high * TOLERANCE_PERMILLE) {
    const middle = (high + low) / 2n;
    if (await succeeds(runner, message, middle, context)) high = middle;
    else low = middle;
  }
  return high;
}

async function succeeds(
  runner: CallRunner,
  message: CallMessage,
  gasLimit: bigint,
  context: CallContext,
): Promise<boolean> {
  try {
    return (await runner.run(message, gasLimit, context)).isSuccess;
  } catch (error) {
    if (error instanceof RpcError) return false;
    throw error;
  }
}

function failureAt(limitMax: bigint, outcome: CallOutcome): RpcError {
  if (outcome.failure === 'out of gas') {
    return new RpcError(-32000, `gas required exceeds allowance (${limitMax})`);
  }
  return new RpcError(-32000, outcome.failure ?? 'execution failed');
}

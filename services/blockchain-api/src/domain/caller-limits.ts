import { MemoryRateLimiter, type RateLimitPolicy } from '@lucid/common/http/rate-limit';
import { CallGate, GateClosed } from './call-gate.ts';
import { type RpcCall, type RpcOutcome, rpcCodes } from './json-rpc.ts';
import { isDear, isFilter } from './rpc-methods.ts';

/** Who calls: one address class of strangers, the subject of a token, or a service of the platform. */
export interface Caller {
  readonly kind: 'stranger' | 'token' | 'service';
  readonly key: string;
}

export interface CallerLimits {
  /** JSON-RPC calls of one caller, those of a batch counted one by one. */
  readonly callsPerMinute: number;
  readonly transactionsPerMinute: number;
  readonly filtersPerMinute: number;
  /** How long the calls of one request may take together. */
  readonly deadlineMs: number;
}

export type Forward = (calls: readonly RpcCall[]) => Promise<readonly RpcOutcome[]>;

/** Dear calls sent to the chain together. It carries them out one after another, up to seconds each. */
const dearChunk = 4;
/** Token holders do not wait behind strangers. Together with the chunk: at most 12 calls of people wait in the chain. */
const gates = {
  stranger: { runningMax: 1, waitingMax: 256, waitingMaxPerCaller: 4 },
  token: { runningMax: 2, waitingMax: 256, waitingMaxPerCaller: 8 },
} as const;

/**
 * Forwards calls within what their caller may use. Transactions are free on this chain and executions cost the caller
 * nothing, so identity and quota bound them: calls, transactions and filters by the minute; executions and searches a
 * few at a time, caller by caller. What is over it is answered -32005, call by call. Services are not limited.
 */
export function limitCallers(
  forward: Forward,
  limits: CallerLimits,
): (calls: readonly RpcCall[], caller: Caller) => Promise<readonly RpcOutcome[]> {
  const takeQuota = createQuotas(limits);
  const open = { stranger: new CallGate(gates.stranger), token: new CallGate(gates.token) };
  return async (calls, caller) => {
    const { kind, key } = caller;
    if (kind === 'service') return await forward(calls);
    const outcomes: (RpcOutcome | undefined)[] = calls.map((call) => takeQuota(call, caller));
    const admitted = calls.flatMap((call, index) => (outcomes[index] === undefined ? [{ call, index }] : []));
    const send = async (part: typeof admitted) => {
      const answers = part.length === 0 ? [] : await forward(part.map(({ call }) => call));
      for (const [place, { index }] of part.entries()) outcomes[index] = answers[place];
    };
    const dear = admitted.filter(({ call }) => isDear(call.method));
    const sendDear = async () => {
      const endsAt = performance.now() + limits.deadlineMs;
      for (let start = 0; start < dear.length; start += dearChunk) {
        const chunk = dear.slice(start, start + dearChunk);
        await open[kind].run(key, endsAt - performance.now(), () => send(chunk));
      }
    };
    const refuse = (error: unknown) => {
      if (!(error instanceof GateClosed)) throw error;
      for (const { index } of dear) outcomes[index] ??= { error: error.rpcError };
    };
    await Promise.all([send(admitted.filter(({ call }) => !isDear(call.method))), sendDear().catch(refuse)]);
    return outcomes.map((outcome) => outcome ?? { error: { code: rpcCodes.internal, message: 'no answer' } });
  };
}

const keysMax = 20_000;

function createQuotas(limits: CallerLimits): (call: RpcCall, caller: Caller) => RpcOutcome | undefined {
  const perMinute = (name: string, limit: number) => {
    const limiter = new MemoryRateLimiter({ keysMax });
    const policy: RateLimitPolicy = { name, limit, windowSec: 60 };
    return (key: string) => limiter.take(key, policy);
  };
  const takeCall = perMinute('calls', limits.callsPerMinute);
  const takeTransaction = perMinute('transactions', limits.transactionsPerMinute);
  const takeFilter = perMinute('filters', limits.filtersPerMinute);
  return ({ method }, { kind, key }) => {
    const holder = `${kind} ${key}`;
    const decisions = [takeCall(holder)];
    if (method === 'eth_sendRawTransaction') decisions.push(takeTransaction(holder));
    if (isFilter(method)) decisions.push(takeFilter(holder));
    const refusal = decisions.find(({ isAllowed }) => !isAllowed);
    if (!refusal) return undefined;
    const { policy, retryAfterSec } = refusal;
    const message = `more than ${policy.limit} ${policy.name} a minute: try again in ${retryAfterSec} s`;
    return { error: { code: rpcCodes.limitExceeded, message } };
  };
}

import { commonError } from '@lucid/common/apis/error-factory';
import { vmApi } from '@lucid/common/apis/vm';
import { AppError, isAppError } from '@lucid/common/errors';
import type { CircuitBreakerOptions } from '@lucid/common/http/circuit-breaker';
import { ApiError, createClient } from '@lucid/common/http/client';
import type { IssueServiceToken } from '@lucid/common/http/tokens';
import { traceHeaders } from '@lucid/common/http/trace';
import { type ChainRpc, type RpcCall, type RpcOutcome, rpcCodes } from '../domain/json-rpc.ts';
import { blockchainError } from '../errors.ts';

export interface VmClientOptions {
  readonly baseUrl: string;
  readonly issueToken: IssueServiceToken;
  readonly timeoutMs: number;
  /** Largest answer read, bytes. */
  readonly responseBytesMax: number;
  /** For our own calls only: what strangers ask for must not pause them. */
  readonly breaker?: CircuitBreakerOptions;
}

interface Answer {
  readonly id: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

/**
 * The vm's JSON-RPC. Calls get ids of our own, so nothing of a caller's request but method and parameters goes on.
 * `send` throws DEPENDENCY_UNAVAILABLE when the vm does not answer, and VM_ANSWER_TOO_LARGE over `responseBytesMax`.
 */
export function createVmClient(options: VmClientOptions): ChainRpc {
  const client = createClient(vmApi, {
    baseUrl: options.baseUrl,
    token: () => options.issueToken(vmApi.service),
    headers: traceHeaders,
    timeoutMs: options.timeoutMs,
    fetch: limitedFetch(options.responseBytesMax),
    ...(options.breaker ? { breaker: options.breaker } : {}),
  });
  return {
    send: async (calls, signal) => {
      const requests = calls.map(({ method, params }, id) => ({ jsonrpc: '2.0', id, method, params }));
      try {
        const body = requests.length === 1 ? requests[0] : requests;
        const answer: unknown = await client.callRpc({ body }, signal ? { signal } : {});
        return matchAnswers(Array.isArray(answer) ? answer : [answer], calls.length);
      } catch (error) {
        throw signal?.aborted ? error : toUnavailable(error);
      }
    },
  };
}

/** Puts the answers in the order of the calls; JSON-RPC lets a server answer a batch in any order. */
function matchAnswers(answers: readonly (Answer | undefined)[], count: number): RpcOutcome[] {
  const byId = new Map(answers.map((answer) => [answer?.id, answer]));
  return Array.from({ length: count }, (_, id) => {
    const answer = byId.get(id);
    if (answer?.error) return { error: answer.error };
    if (answer) return { result: answer.result ?? null };
    return { error: { code: rpcCodes.internal, message: 'the chain left this call unanswered' } };
  });
}

function toUnavailable(error: unknown): unknown {
  if (!(error instanceof AppError) || error.code === 'VM_ANSWER_TOO_LARGE') return error;
  // A request the vm cannot read is the fault of whoever sent it.
  if (error instanceof ApiError && (error.status === 400 || error.status === 413)) return error;
  const detail = error.code === 'UPSTREAM_TIMEOUT' ? 'The chain did not answer in time.' : 'The chain does not answer.';
  return commonError('DEPENDENCY_UNAVAILABLE', detail, {
    cause: error,
    retryAfterSec: error.retryAfterSec ?? 1,
    data: { dependency: 'vm' },
  });
}

/** `fetch` that stops reading an answer at `bytesMax`, so that no question can fill our memory. */
function limitedFetch(bytesMax: number): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const declared = Number(response.headers.get('content-length') ?? Number.NaN);
    if (!response.body || declared <= bytesMax) return response;
    let bytes = 0;
    const limit = new TransformStream<Uint8Array, Uint8Array>({
      transform: (part, controller) => {
        bytes += part.byteLength;
        if (bytes > bytesMax) {
          controller.error(blockchainError('VM_ANSWER_TOO_LARGE', `The answer is over ${bytesMax} bytes.`));
        } else controller.enqueue(part);
      },
    });
    return new Response(response.body.pipeThrough(limit), response);
  };
}

/** For callers of JSON-RPC: a chain that does not answer becomes an error object of each call. */
export function forwardTo(rpc: ChainRpc): (calls: readonly RpcCall[]) => Promise<readonly RpcOutcome[]> {
  return async (calls) => {
    try {
      return await rpc.send(calls);
    } catch (error) {
      const fault = toRpcError(error);
      return calls.map(() => ({ error: fault }));
    }
  };
}

function toRpcError(error: unknown): { code: number; message: string } {
  if (isAppError(error, 'VM_ANSWER_TOO_LARGE')) {
    return {
      code: rpcCodes.limitExceeded,
      message: `${error.message} Ask for less: a narrower range, a smaller batch.`,
    };
  }
  if (error instanceof ApiError) return { code: rpcCodes.invalidParams, message: 'the chain cannot read this request' };
  if (isAppError(error, 'DEPENDENCY_UNAVAILABLE')) return { code: rpcCodes.unavailable, message: error.message };
  throw error;
}

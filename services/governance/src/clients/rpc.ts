import { blockchainApi } from '@lucid/common/apis/blockchain';
import { commonError } from '@lucid/common/apis/error-factory';
import { AppError } from '@lucid/common/errors';
import type { Client } from '@lucid/common/http/client';
import { createServiceClient } from '@lucid/common/http/service-client';
import type { IssueServiceToken } from '@lucid/common/http/tokens';

/** One call of JSON-RPC. */
export interface RpcCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

/**
 * The chain's own error answer. Whoever asks a question that may be refused catches it; where none was expected, the
 * chain is not what this service needs.
 */
export class RpcError extends AppError {
  readonly rpcCode: number;
  readonly rpcData: unknown;

  constructor(rpcCode: number, message: string, rpcData: unknown) {
    super('DEPENDENCY_UNAVAILABLE', message, { status: 503, retryAfterSec: 1 });
    this.name = 'RpcError';
    this.rpcCode = rpcCode;
    this.rpcData = rpcData;
  }

  /** Less may be asked for at once, or later: the answer is over a limit, or too much is waiting. */
  get isOverLimit(): boolean {
    return this.rpcCode === limitExceeded;
  }
}

interface RpcAnswer {
  readonly id: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

/** blockchain-api takes this many calls at once. */
const batchMax = 100;
/** blockchain-api: the chain behind it does not answer now. */
const unavailable = -32002;
/** blockchain-api and the vm: the answer is over a limit. */
const limitExceeded = -32005;

/** JSON-RPC of blockchain-api, with this service's token. */
export class Rpc {
  readonly #client: Client<typeof blockchainApi.operations>;

  constructor(options: { readonly baseUrl: string; readonly issueToken: IssueServiceToken }) {
    this.#client = createServiceClient(blockchainApi, { ...options, timeoutMs: 10_000 });
  }

  /** @throws RpcError for an error answer; DEPENDENCY_UNAVAILABLE when the chain does not answer */
  async call(method: string, params: readonly unknown[]): Promise<unknown> {
    const [result] = await this.batch([{ method, params }]);
    return result;
  }

  /** The results in the order of the calls. @throws as `call`, for the first call that failed */
  async batch(calls: readonly RpcCall[]): Promise<unknown[]> {
    const results: unknown[] = [];
    for (let start = 0; start < calls.length; start += batchMax) {
      results.push(...(await this.#sendInParts(calls.slice(start, start + batchMax))));
    }
    return results;
  }

  /** Halves a batch whose answers together are over a limit. */
  async #sendInParts(calls: readonly RpcCall[]): Promise<unknown[]> {
    try {
      return await this.#send(calls);
    } catch (error) {
      if (!(error instanceof RpcError) || !error.isOverLimit || calls.length === 1) throw error;
      const middle = Math.ceil(calls.length / 2);
      const first = await this.#sendInParts(calls.slice(0, middle));
      return [...first, ...(await this.#sendInParts(calls.slice(middle)))];
    }
  }

  async #send(calls: readonly RpcCall[]): Promise<unknown[]> {
    const body = calls.map((call, id) => ({ jsonrpc: '2.0' as const, id, ...call }));
    const answers = await this.#client.rpc({ body }).catch((cause: unknown) => {
      throw commonError('DEPENDENCY_UNAVAILABLE', 'blockchain-api does not answer.', { cause, retryAfterSec: 1 });
    });
    if (!Array.isArray(answers)) throw commonError('DEPENDENCY_UNAVAILABLE', 'blockchain-api answered no batch.');
    const byId = new Map(answers.map((answer: RpcAnswer) => [answer.id, answer]));
    return calls.map((call, id) => toResult(call, byId.get(id)));
  }
}

function toResult({ method }: RpcCall, answer: RpcAnswer | undefined): unknown {
  if (answer?.error?.code === unavailable) {
    throw commonError('DEPENDENCY_UNAVAILABLE', 'The chain does not answer.', { retryAfterSec: 1 });
  }
  if (answer?.error) throw new RpcError(answer.error.code, answer.error.message, answer.error.data);
  if (answer === undefined) throw commonError('DEPENDENCY_UNAVAILABLE', `The chain left ${method} unanswered.`);
  return answer.result;
}

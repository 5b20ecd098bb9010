import { blockchainApi } from '@lucid/common/apis/blockchain';
import { commonError } from '@lucid/common/apis/error-factory';
import type { Client } from '@lucid/common/http/client';
import { createServiceClient } from '@lucid/common/http/service-client';
import type { IssueServiceToken } from '@lucid/common/http/tokens';

/** One call of JSON-RPC. */
export interface RpcCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** The chain's own error answer. */
export class RpcError extends Error {
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data: unknown) {
    super(message);
    this.name = 'RpcError';
    this.code = code;
    this.data = data;
  }
}

interface RpcAnswer {
  readonly id: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

/** blockchain-api takes this many calls at once. */
const batchMax = 100;
/** blockchain-api: the chain behind it does not answer now, or the answer is over a limit. */
const unavailable = -32002;

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
      results.push(...(await this.#send(calls.slice(start, start + batchMax))));
    }
    return results;
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

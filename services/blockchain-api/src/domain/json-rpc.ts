import assert from 'node:assert/strict';
import type { Identity } from '@lucid/common/http/identity';
import { judgeMethod } from './rpc-methods.ts';

/** Error codes of JSON-RPC 2.0 §5.1, and of EIP-1474 from -32001 on; -32001 also says "not for this caller". */
export const rpcCodes = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  notAllowed: -32001,
  unavailable: -32002,
  limitExceeded: -32005,
} as const;

export interface RpcCall {
  readonly method: string;
  readonly params: unknown;
}
export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}
export type RpcOutcome = { readonly result: unknown } | { readonly error: RpcError };
export type RpcId = string | number | null;
export type RpcResponse = { readonly jsonrpc: '2.0'; readonly id: RpcId } & RpcOutcome;

/**
 * The chain's JSON-RPC, as this service uses it: one outcome for each call, in their order.
 * @throws AppError DEPENDENCY_UNAVAILABLE when the chain does not answer
 */
export interface ChainRpc {
  send(calls: readonly RpcCall[], signal?: AbortSignal): Promise<readonly RpcOutcome[]>;
}

export interface RpcContext {
  readonly identity: Identity | undefined;
  readonly batchMax: number;
  /** Carries out calls; a chain that does not answer is an error outcome of each, never a throw. */
  readonly forward: (calls: readonly RpcCall[]) => Promise<readonly RpcOutcome[]>;
}

/** A body that was not JSON. */
export const notJson = Symbol('not JSON');

/**
 * Answers a JSON-RPC 2.0 body, single or batch; undefined when it held notifications only. Calls the caller may not
 * make are answered here, the rest go to the chain together, and a batch's answers keep the order of its requests.
 */
export async function answerRpc(body: unknown, context: RpcContext): Promise<RpcResponse | RpcResponse[] | undefined> {
  if (body === notJson) return refusal(null, rpcCodes.parse, 'The body is not JSON.');
  if (!Array.isArray(body)) return (await answerAll([body], context))[0];
  if (body.length === 0) return refusal(null, rpcCodes.invalidRequest, 'The batch is empty.');
  if (body.length > context.batchMax) {
    const message = `A batch holds at most ${context.batchMax} requests; this one holds ${body.length}.`;
    return refusal(null, rpcCodes.invalidRequest, message);
  }
  const answers = await answerAll(body, context);
  return answers.length === 0 ? undefined : answers;
}

interface Judged {
  /** Absent for a notification. */
  readonly id: RpcId | undefined;
  readonly judgement: RpcCall | RpcError;
}

async function answerAll(requests: readonly unknown[], context: RpcContext): Promise<RpcResponse[]> {
  const judged = requests.map((request) => judge(request, context.identity));
  const calls = judged.map(({ judgement }) => judgement).filter((judgement) => 'method' in judgement);
  const outcomes = calls.length === 0 ? [] : await context.forward(calls);
  assert.equal(outcomes.length, calls.length, 'the chain answers one outcome for each call');
  const next = outcomes.values();
  return judged.flatMap(({ id, judgement }) => {
    const outcome = 'method' in judgement ? (next.next().value as RpcOutcome) : { error: judgement };
    return id === undefined ? [] : [{ jsonrpc: '2.0' as const, id, ...outcome }];
  });
}

function judge(request: unknown, identity: Identity | undefined): Judged {
  if (typeof request !== 'object' || request === null || Array.isArray(request)) {
    return invalid(null, 'A request is a JSON object.');
  }
  const { jsonrpc, id, method, params } = request as Readonly<Record<string, unknown>>;
  if (id !== undefined && !isRpcId(id)) return invalid(null, 'An id is a string, a number or null.');
  const answerId = id ?? null;
  if (jsonrpc !== '2.0') return invalid(answerId, 'A request says "jsonrpc": "2.0".');
  if (typeof method !== 'string') return invalid(answerId, 'A request names its method.');
  if (params !== undefined && (typeof params !== 'object' || params === null)) {
    return invalid(answerId, 'Parameters are an array or an object.');
  }
  const refused = admit(method, identity) ?? judgeParams(params);
  return { id, judgement: refused ?? { method, params: params ?? [] } };
}

/** Numbers a client would not find again in our answer are no ids: past 2^53, or endless. */
function isRpcId(id: unknown): id is RpcId {
  if (typeof id === 'number') return Number.isSafeInteger(id) || (Number.isFinite(id) && !Number.isInteger(id));
  return id === null || (typeof id === 'string' && id.length <= 128);
}

/** More than anything in the execution API has: an access list in a call in a list of calls. */
const paramsDepthMax = 32;
const poisonedNames = ['__proto__', 'constructor'];

/** Refuses what could not be written or read on the way to the chain, with a loop of our own instead of the stack. */
function judgeParams(params: unknown): RpcError | undefined {
  const todo: { readonly value: unknown; readonly depth: number }[] = [{ value: params, depth: 1 }];
  for (let item = todo.pop(); item !== undefined; item = todo.pop()) {
    const { value, depth } = item;
    if (typeof value !== 'object' || value === null) continue;
    if (depth > paramsDepthMax) return invalidParams(`parameters are nested at most ${paramsDepthMax} deep`);
    if (poisonedNames.some((name) => Object.hasOwn(value, name)))
      return invalidParams('parameters have no such member');
    for (const inner of Object.values(value)) todo.push({ value: inner, depth: depth + 1 });
  }
  return undefined;
}

function invalidParams(message: string): RpcError {
  return { code: rpcCodes.invalidParams, message };
}

/** An invalid request is answered even without an id: it cannot be told from a notification (JSON-RPC 2.0 §5). */
function invalid(id: RpcId, message: string): Judged {
  return { id, judgement: { code: rpcCodes.invalidRequest, message } };
}

function admit(method: string, identity: Identity | undefined): RpcError | undefined {
  switch (judgeMethod(method, identity)) {
    case 'allowed':
      return undefined;
    case 'unknown':
      return {
        code: rpcCodes.methodNotFound,
        message: `the method ${method.slice(0, 64)} does not exist/is not available`,
      };
    case 'needs-token':
      return {
        code: rpcCodes.notAllowed,
        message: `${method} needs an access token: send it as Authorization: Bearer <token>`,
      };
    case 'needs-role':
      return {
        code: rpcCodes.notAllowed,
        message: `${method} is for operators or auditors: the token carries no role that may call it`,
      };
  }
}

function refusal(id: RpcId, code: number, message: string): RpcResponse {
  return { jsonrpc: '2.0', id, error: { code, message } };
}

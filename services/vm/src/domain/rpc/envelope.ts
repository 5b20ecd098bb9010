/** The envelope of JSON-RPC 2.0: requests in, answers out, each on its own. */
import type { ChainBackend } from '../backend.ts';
import { RpcError } from './rpc-error.ts';

/** Requests one batch may hold. */
export const BATCH_MAX = 1000;
/** The views' methods are not for the outside. */
const HIDDEN = 'lucid_';

type Id = string | number | null;

/** Answers a request or a batch as JSON text; undefined where there is nothing to say (notifications alone). */
export async function answerRpc(backend: ChainBackend, body: unknown): Promise<string | undefined> {
  if (!Array.isArray(body)) return answerOne(backend, body);
  if (body.length === 0) return errorText(null, new RpcError(-32600, 'empty batch'));
  if (body.length > BATCH_MAX) return errorText(null, new RpcError(-32600, `batch of more than ${BATCH_MAX} requests`));
  const answers = await Promise.all(body.map((request) => answerOne(backend, request)));
  const said = answers.filter((answer) => answer !== undefined);
  return said.length === 0 ? undefined : `[${said.join(',')}]`;
}

async function answerOne(backend: ChainBackend, request: unknown): Promise<string | undefined> {
  const id = idOf(request);
  try {
    const { method, params } = parseRequest(request);
    const result = await backend.request(method, params);
    return id === undefined ? undefined : `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`;
  } catch (error) {
    const isInvalid = error instanceof RpcError && error.code === -32600;
    return id === undefined && !isInvalid ? undefined : errorText(id ?? null, error);
  }
}

/** The request's id; undefined for a notification. */
function idOf(request: unknown): Id | undefined {
  if (typeof request !== 'object' || request === null || !('id' in request)) return undefined;
  const { id } = request;
  return typeof id === 'string' || typeof id === 'number' ? id : null;
}

function parseRequest(request: unknown): { method: string; params: readonly unknown[] } {
  if (typeof request !== 'object' || request === null) throw new RpcError(-32600, 'invalid request');
  const { jsonrpc, method, params } = request as Record<string, unknown>;
  if (jsonrpc !== '2.0' || typeof method !== 'string') throw new RpcError(-32600, 'invalid request');
  if (method.startsWith(HIDDEN)) {
    throw new RpcError(-32601, `the method ${method.slice(0, 64)} does not exist/is not available`);
  }
  if (params !== undefined && !Array.isArray(params)) throw new RpcError(-32602, 'params must be an array');
  return { method, params: params ?? [] };
}

function errorText(id: Id, error: unknown): string {
  const { code, message, data } = error instanceof RpcError ? error : new RpcError(-32603, 'internal error');
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code, message, ...(data === undefined ? {} : { data }) } });
}

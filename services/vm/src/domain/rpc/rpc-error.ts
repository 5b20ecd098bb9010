/**
 * An error of JSON-RPC 2.0 and of Ethereum's RPC (EIP-1474): -32700 parse, -32600 request, -32601 method, -32602
 * params, -32603 internal, -32000 refused, -32005 limit exceeded, 3 execution reverted (`data` is the revert data).
 */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** Bad parameters. */
export function invalidParams(message: string): RpcError {
  return new RpcError(-32602, message);
}

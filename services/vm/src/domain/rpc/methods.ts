/** The shape of a JSON-RPC method, and the groups they come in. */

/** Runs one method. What it returns is serialised with JSON.stringify; refusals are thrown as `RpcError`. */
export type RpcMethod = (params: readonly unknown[]) => unknown;
export type RpcMethods = Readonly<Record<string, RpcMethod>>;

/** The chain as the HTTP side sees it: methods by name, answered as JSON text. */
export interface ChainBackend {
  /** Runs a method. @throws RpcError */
  request(method: string, params: readonly unknown[]): Promise<string>;
}

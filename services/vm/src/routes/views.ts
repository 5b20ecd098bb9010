/** The REST views: the same answers as JSON-RPC gives, for people and tools without an Ethereum client. */
import { vmApi } from '@lucid/common/apis/vm';
import type { AppError } from '@lucid/common/errors';
import { implement } from '@lucid/common/http/implement';
import type { FastifyInstance } from 'fastify';
import type { ChainBackend } from '../domain/backend.ts';
import { RpcError } from '../domain/rpc/rpc-error.ts';
import { vmError } from '../errors.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Registers the operations. */
export async function viewRoutes(app: FastifyInstance, { backend }: { backend: ChainBackend }): Promise<void> {
  const ask = async <T>(method: string, params: readonly unknown[] = []): Promise<T> => {
    try {
      return JSON.parse(await backend.request(method, params)) as T;
    } catch (error) {
      throw error instanceof RpcError ? toVmError(error) : error;
    }
  };
  await implement(app, vmApi, {
    getStatus: () => ask('lucid_status'),
    listContracts: () => ask('lucid_contracts'),
    getAccount: ({ params, query }) => ask('lucid_account', [params.address, query.block ?? 'latest']),
    call: ({ body }) => ask('lucid_call', [toMessage(body), body.block ?? 'latest']),
    estimate: async ({ body }) => ({
      gasLimit: await ask<string>('eth_estimateGas', [toMessage(body), body.block ?? 'pending']),
    }),
  });
}

/** Our names to Ethereum's. */
function toMessage({ block: _block, gasLimit, ...fields }: Fields): Fields {
  return gasLimit === undefined ? fields : { ...fields, gas: gasLimit };
}

function toVmError(error: RpcError): AppError {
  if (error.code === 3) return vmError('VM_CALL_REVERTED', error.message, { data: { data: error.data } });
  if (error.message === 'header not found') return vmError('VM_BLOCK_NOT_FOUND', 'There is no such block.');
  if (error.message.startsWith('execution aborted')) {
    return vmError('VM_CALL_DEADLINE', error.message, { retryAfterSec: 1 });
  }
  if (error.code === -32005) return vmError('OVERLOADED', error.message, { retryAfterSec: 1 });
  if (error.code === -32603) return vmError('INTERNAL', 'The chain does not answer.');
  return vmError('VM_CALL_REFUSED', error.message);
}

/** `POST /rpc`: JSON-RPC 2.0, single and batch. */
import { vmApi } from '@lucid/common/apis/vm';
import { implement } from '@lucid/common/http/implement';
import type { FastifyInstance } from 'fastify';
import type { ChainBackend } from '../domain/backend.ts';
import { answerRpc } from '../domain/rpc/envelope.ts';

/** Registers the operation. */
export async function rpcRoutes(app: FastifyInstance, { backend }: { backend: ChainBackend }): Promise<void> {
  await implement(app, vmApi, {
    callRpc: async ({ body, reply }) => {
      const text = await answerRpc(backend, body);
      if (text === undefined) return reply.code(204).send();
      return reply.type('application/json; charset=utf-8').send(text);
    },
  });
}

import { blockchainApi } from '@lucid/common/apis/blockchain';
import { type HandlerInput, implement } from '@lucid/common/http/implement';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { answerRpc, notJson, type RpcContext, type RpcResponse } from '../domain/json-rpc.ts';

export type RpcRouteDeps = Pick<RpcContext, 'forward' | 'batchMax'>;

type RpcInput = HandlerInput<typeof blockchainApi.operations.rpc>;

/** `POST /rpc` and `POST /`. In a scope of their own, where a body that is not JSON reaches the handler. */
export async function rpcRoutes(app: FastifyInstance, deps: RpcRouteDeps): Promise<void> {
  await app.register(async (scope) => {
    scope.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
      done(null, parseJsonRpc(text as string));
    });
    const handle = async ({ body, identity, reply }: RpcInput): Promise<RpcAnswer | FastifyReply> => {
      const answer = await answerRpc(body, { ...deps, identity });
      return answer ?? reply.code(204).send();
    };
    await implement(scope, blockchainApi, { rpc: handle, rpcRoot: handle });
  });
}

type RpcAnswer = RpcResponse | RpcResponse[];

function parseJsonRpc(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return notJson;
  }
}

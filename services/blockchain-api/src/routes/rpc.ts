import { blockchainApi } from '@lucid/common/apis/blockchain';
import type { ClassifyClient } from '@lucid/common/http/client-address';
import { hasRole, type Identity } from '@lucid/common/http/identity';
import { type HandlerInput, implement } from '@lucid/common/http/implement';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Caller } from '../domain/caller-limits.ts';
import { answerRpc, notJson, type RpcCall, type RpcOutcome, type RpcResponse } from '../domain/json-rpc.ts';

export interface RpcRouteDeps {
  readonly batchMax: number;
  /** Carries out calls within what the caller may use; never throws for a chain that does not answer. */
  readonly forward: (calls: readonly RpcCall[], caller: Caller) => Promise<readonly RpcOutcome[]>;
  readonly classifyClient: ClassifyClient;
}

type RpcInput = HandlerInput<typeof blockchainApi.operations.rpc>;

/** `POST /rpc` and `POST /`. In a scope of their own, where a body that is not JSON reaches the handler. */
export async function rpcRoutes(app: FastifyInstance, deps: RpcRouteDeps): Promise<void> {
  await app.register(async (scope) => {
    scope.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
      done(null, parseJsonRpc(text as string));
    });
    const { batchMax, forward, classifyClient } = deps;
    const handle = async ({ body, identity, request, reply }: RpcInput): Promise<RpcAnswer | FastifyReply> => {
      const caller = toCaller(identity, () => classifyClient(request));
      const answer = await answerRpc(body, { batchMax, identity, forward: (calls) => forward(calls, caller) });
      return answer ?? reply.code(204).send();
    };
    await implement(scope, blockchainApi, { rpc: handle, rpcRoot: handle });
  });
}

type RpcAnswer = RpcResponse | RpcResponse[];

function toCaller(identity: Identity | undefined, classify: () => string): Caller {
  if (!identity) return { kind: 'stranger', key: classify() };
  return { kind: hasRole(identity, 'service') ? 'service' : 'token', key: identity.subject };
}

function parseJsonRpc(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return notJson;
  }
}

import { blockchainApi } from '@lucid/common/apis/blockchain';
import { implement } from '@lucid/common/http/implement';
import type { FastifyInstance } from 'fastify';
import type { ChainParams } from '../domain/chain-params.ts';

export async function paramRoutes(app: FastifyInstance, { params }: { params: ChainParams }): Promise<void> {
  await implement(app, blockchainApi, {
    listParams: async () => ({ items: [...(await params.list())] }),
    getParam: (input) => params.get(input.params.key),
  });
}

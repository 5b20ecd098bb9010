import { blockchainApi } from '@lucid/common/apis/blockchain';
import { implement } from '@lucid/common/http/implement';
import { cursorCodec } from '@lucid/common/storage/cursor';
import type { FastifyInstance } from 'fastify';
import { readBlock, readBlocks, readBlockTransactions, readChain, readTransaction } from '../domain/chain-explorer.ts';
import type { ChainRpc } from '../domain/json-rpc.ts';

const blockCursor = cursorCodec('blocks@1', ['integer']);
const transactionCursor = cursorCodec('block-transactions@1', ['integer']);

export async function explorerRoutes(app: FastifyInstance, { rpc }: { rpc: ChainRpc }): Promise<void> {
  await implement(app, blockchainApi, {
    getChain: () => readChain(rpc),
    listBlocks: async ({ query }) => {
      const [from] = query.cursor === undefined ? [] : blockCursor.decode(query.cursor);
      const { items, next } = await readBlocks(rpc, from, query.limit ?? 50);
      return { items: [...items], ...(next === undefined ? {} : { next: blockCursor.encode([next]) }) };
    },
    getBlock: ({ params }) => readBlock(rpc, params.id),
    listBlockTransactions: async ({ params, query }) => {
      const [from = 0] = query.cursor === undefined ? [] : transactionCursor.decode(query.cursor);
      const { items, next } = await readBlockTransactions(rpc, params.id, from, query.limit ?? 50);
      return { items: [...items], ...(next === undefined ? {} : { next: transactionCursor.encode([next]) }) };
    },
    getTransaction: ({ params }) => readTransaction(rpc, params.hash),
  });
}

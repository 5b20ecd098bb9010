import { blockchainApi } from '@lucid/common/apis/blockchain';
import { implement } from '@lucid/common/http/implement';
import { cursorCodec } from '@lucid/common/storage/cursor';
import type { FastifyInstance } from 'fastify';
import { type AnchorRecord, type AnchorStore, normalizeContent, toAnchor } from '../domain/anchor.ts';
import { proveAnchor } from '../domain/anchor-proof.ts';
import type { ChainRpc } from '../domain/json-rpc.ts';
import { blockchainError } from '../errors.ts';

export interface AnchorRouteDeps {
  readonly anchors: AnchorStore;
  readonly rpc: ChainRpc;
  /** Tells the worker that the queue has something new. */
  readonly notify: () => void;
}

const anchorCursor = cursorCodec('anchors@1', ['integer']);

export async function anchorRoutes(app: FastifyInstance, { anchors, rpc, notify }: AnchorRouteDeps): Promise<void> {
  await implement(app, blockchainApi, {
    createAnchor: async ({ body, reply }) => {
      const { record, isNew } = await anchors.create(normalizeContent(body));
      if (record.status === 'queued') notify();
      reply.code(isNew ? 201 : 200);
      return toAnchor(record);
    },
    listAnchors: async ({ query }) => {
      const { status, limit = 50 } = query;
      const [before] = query.cursor === undefined ? [] : anchorCursor.decode(query.cursor);
      // One more than the page tells whether there is a next one.
      const found = await anchors.list({
        ...(status === undefined ? {} : { status }),
        ...(before === undefined ? {} : { before }),
        limit: limit + 1,
      });
      const items = found.slice(0, limit);
      const last = found.length > limit ? items.at(-1) : undefined;
      return { items: items.map(toAnchor), ...(last ? { next: anchorCursor.encode([last.sequence]) } : {}) };
    },
    getAnchor: ({ params }) => toAnchor(getRecord(anchors, params.sessionId)),
    getAnchorProof: ({ params }) => proveAnchor(rpc, getRecord(anchors, params.sessionId)),
  });
}

function getRecord(anchors: AnchorStore, sessionId: string): AnchorRecord {
  const record = anchors.find(sessionId);
  if (!record) throw blockchainError('ANCHOR_NOT_FOUND', `No anchor was asked for under session ${sessionId}.`);
  return record;
}

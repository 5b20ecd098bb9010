import { sessionsApi } from '@lucid/common/apis/sessions';
import { toBase64, toHex } from '@lucid/common/formats/bytes';
import { chunkHeaderHash, chunkLeafHash, parseChunkHeader } from '@lucid/common/formats/chunk';
import { isNotModified } from '@lucid/common/http/conditional';
import { implement } from '@lucid/common/http/implement';
import { cursorCodec } from '@lucid/common/storage/cursor';
import type { FastifyInstance } from 'fastify';
import type { Counter } from 'prom-client';
import { getReadable } from '../domain/access.ts';
import { getChunk, getSeal } from '../domain/bundle.ts';
import { readRange } from '../domain/byte-range.ts';
import { blobNameOf, type ChunkRecord, readChunk } from '../domain/chunk.ts';
import type { ChunkTrees } from '../domain/chunk-tree.ts';
import { type ReceiveDeps, receiveChunk } from '../domain/receive-chunk.ts';
import { readUpload } from './upload-body.ts';

export interface ChunkRoutesDeps extends ReceiveDeps {
  readonly trees: ChunkTrees;
  readonly uploadIdleMs: number;
  readonly chunkBytes: Counter;
}

const cursors = cursorCodec('sessions.chunks@1', ['integer']);
const pageSize = 50;
/** A stored chunk never changes, but who may read it is asked each time. */
const unchanging = 'private, max-age=31536000, immutable';

/** Uploading and reading chunks. */
export async function chunkRoutes(app: FastifyInstance, deps: ChunkRoutesDeps): Promise<void> {
  const { store } = deps;
  await implement(app, sessionsApi, {
    putChunk: async ({ params: { sessionId, chunkIndex }, headers, body, identity, request, reply }) => {
      const chunk = readChunk(sessionId, chunkIndex, headers);
      const upload = readUpload(request, body, deps.uploadIdleMs);
      const { isNew, ...stored } = await receiveChunk(deps, identity, chunk, upload);
      if (isNew) deps.chunkBytes.inc(parseChunkHeader(chunk.header).cipherSize);
      reply.code(isNew ? 201 : 200);
      return stored;
    },
    listChunks: async ({ params: { sessionId }, query, identity }) => {
      await getReadable(store, identity, sessionId);
      const { limit = pageSize, cursor } = query;
      const from = cursor === undefined ? 0 : cursors.decode(cursor)[0];
      const found = await store.listChunks(sessionId, from, limit + 1);
      const items = found.slice(0, limit).map(headerView);
      const next = found[limit];
      return next ? { items, next: cursors.encode([next.chunkIndex]) } : { items };
    },
    getChunkHeader: async ({ params: { sessionId, chunkIndex }, identity }) => {
      await getReadable(store, identity, sessionId);
      return headerView(await getChunk(store, sessionId, chunkIndex));
    },
    getChunkProof: async ({ params: { sessionId, chunkIndex }, identity }) => {
      await getReadable(store, identity, sessionId);
      await getSeal(store, sessionId);
      const { header } = await getChunk(store, sessionId, chunkIndex);
      const { treeSize, rootHash, prove } = await deps.trees.get(sessionId, () => store.readChunks(sessionId));
      return {
        chunkIndex,
        treeSize,
        header: toHex(header),
        leafHash: toHex(chunkLeafHash(header)),
        proof: prove(chunkIndex).map(toHex),
        rootHash: toHex(rootHash),
      };
    },
  });
  await contentRoutes(app, deps);
}

async function contentRoutes(app: FastifyInstance, { store, blobs }: ChunkRoutesDeps): Promise<void> {
  await implement(app, sessionsApi, {
    getChunk: async ({ params: { sessionId, chunkIndex }, headers, identity, reply }) => {
      await getReadable(store, identity, sessionId);
      const chunk = await getChunk(store, sessionId, chunkIndex);
      const { cipherDigest, cipherSize } = parseChunkHeader(chunk.header);
      const etag = `"${toHex(cipherDigest)}"`;
      const digest = `sha-256=:${toBase64(cipherDigest)}:`;
      reply.header('etag', etag).header('cache-control', unchanging).header('accept-ranges', 'bytes');
      if (isNotModified(headers['if-none-match'], etag)) return reply.code(304).send();
      reply.header('content-range', `bytes */${cipherSize}`);
      const range = readRange(headers, etag, cipherSize);
      reply.removeHeader('content-range').header('repr-digest', digest).type('application/octet-stream');
      if (range) {
        reply.code(206).header('content-range', `bytes ${range.start}-${range.end}/${cipherSize}`);
        reply.header('content-length', range.end - range.start + 1);
      } else {
        reply.header('content-length', cipherSize).header('content-digest', digest);
      }
      return reply.send(await blobs.read(blobNameOf(chunk), range));
    },
  });
}

function headerView({ chunkIndex, header, signature }: ChunkRecord) {
  const fields = parseChunkHeader(header);
  return {
    chunkIndex,
    capturedAt: fields.capturedAt,
    plainSize: fields.plainSize,
    cipherSize: fields.cipherSize,
    chunkSalt: toHex(fields.chunkSalt),
    cipherDigest: toHex(fields.cipherDigest),
    previousHash: toHex(fields.previousHash),
    headerHash: toHex(chunkHeaderHash(header)),
    header: toHex(header),
    signature: toHex(signature),
  };
}

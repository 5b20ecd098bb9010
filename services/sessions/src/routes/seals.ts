import { bundleContentType, sessionsApi } from '@lucid/common/apis/sessions';
import { etagOf } from '@lucid/common/http/conditional';
import { implement } from '@lucid/common/http/implement';
import type { FastifyInstance } from 'fastify';
import { getReadable } from '../domain/access.ts';
import { buildBundle, getSeal } from '../domain/bundle.ts';
import type { ChunkTrees } from '../domain/chunk-tree.ts';
import { manifestOf } from '../domain/seal.ts';
import { type SealDeps, sealSession } from '../domain/seal-session.ts';
import { viewOf } from '../domain/session.ts';

export interface SealRoutesDeps extends SealDeps {
  readonly trees: ChunkTrees;
}

/** Sealing, the manifest, the proof bundle. */
export async function sealRoutes(app: FastifyInstance, deps: SealRoutesDeps): Promise<void> {
  const { store } = deps;
  await implement(app, sessionsApi, {
    sealSession: async ({ params: { sessionId }, body, identity }) =>
      viewOf(await sealSession(deps, identity, sessionId, body)),
    getManifest: async ({ params: { sessionId }, identity, reply }) => {
      await getReadable(store, identity, sessionId);
      const seal = await getSeal(store, sessionId);
      const { manifestHash, recorderSignature, participantSignatures } = seal;
      reply.header('etag', `"${manifestHash}"`);
      const { manifest } = manifestOf(seal);
      return { manifest, manifestHash, recorderSignature, participantSignatures: [...participantSignatures] };
    },
    getBundle: async ({ params: { sessionId }, query, identity, reply }) => {
      await getReadable(store, identity, sessionId);
      const chunks = query.chunks === undefined ? [] : query.chunks.split(',').map(Number);
      const bytes = await buildBundle(deps, sessionId, { chunks, requireAnchor: query.require === 'anchor' });
      reply.header('etag', etagOf(bytes)).header('cache-control', 'private, no-cache');
      reply.header('content-disposition', `attachment; filename="${sessionId}.lucid-proof.json"`);
      return reply.type(bundleContentType).send(Buffer.from(bytes));
    },
  });
}

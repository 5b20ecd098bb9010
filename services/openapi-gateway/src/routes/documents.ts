import type { GatewayStatus } from '@lucid/common/apis/gateway';
import { openapiGatewayApi } from '@lucid/common/apis/openapi';
import { implement } from '@lucid/common/http/implement';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Documents } from '../domain/content.ts';
import type { Answer } from './answer.ts';

export interface DocumentsOptions {
  readonly documents: Documents;
  readonly gatewayStatus: () => Promise<GatewayStatus>;
  readonly answer: Answer;
}

/** The documents as openapi-server makes them, and the gateway's status. */
export async function documentRoutes(app: FastifyInstance, options: DocumentsOptions): Promise<void> {
  const pass = async (request: FastifyRequest, reply: FastifyReply, path: string): Promise<FastifyReply> => {
    const content = await options.documents.read(path);
    reply.header('lucid-document-state', content.isLastKnown ? 'last-known' : 'current');
    return await options.answer(request, reply, content, 'no-cache');
  };
  await implement(app, openapiGatewayApi, {
    getDocument: ({ request, reply }) => pass(request, reply, '/document.json'),
    getDocumentYaml: ({ request, reply }) => pass(request, reply, '/document.yaml'),
    listServices: ({ request, reply }) => pass(request, reply, '/services'),
    getServiceDocument: ({ params, request, reply }) =>
      pass(request, reply, `/services/${encodeURIComponent(params.service)}/document.json`),
    getGatewayStatus: async ({ reply }) => {
      reply.header('cache-control', 'no-store');
      return await options.gatewayStatus();
    },
  });
}

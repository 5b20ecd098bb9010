import { openapiServerApi } from '@lucid/common/apis/openapi';
import { etagOf, isNotModified } from '@lucid/common/http/conditional';
import { implement } from '@lucid/common/http/implement';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { stringify } from 'yaml';
import type { Library } from '../domain/library.ts';

/** Every operation of openapi-server. */
export async function documentRoutes(app: FastifyInstance, library: Library): Promise<void> {
  const toYaml = rememberLast((json: string) => stringify(JSON.parse(json), { aliasDuplicateObjects: false }));
  const tagOf = rememberLast(etagOf);
  await implement(app, openapiServerApi, {
    getDocument: ({ request, reply }) => {
      const text = library.merged();
      return answer(request, reply, text, tagOf(text), 'application/json; charset=utf-8');
    },
    getDocumentYaml: ({ request, reply }) => {
      const text = toYaml(library.merged());
      return answer(request, reply, text, etagOf(text), 'application/yaml; charset=utf-8');
    },
    getServiceDocument: ({ params, request, reply }) => {
      const text = library.documentOf(params.service);
      return answer(request, reply, text, etagOf(text), 'application/json; charset=utf-8');
    },
    listServices: ({ reply }) => {
      reply.header('cache-control', 'no-store');
      return library.list();
    },
    refreshDocuments: async () => {
      await library.refresh();
      return library.list();
    },
  });
}

function answer(request: FastifyRequest, reply: FastifyReply, text: string, etag: string, type: string): FastifyReply {
  reply.header('etag', etag).header('cache-control', 'no-cache');
  if (isNotModified(request.headers['if-none-match'], etag)) return reply.code(304).send();
  return reply
    .type(type)
    .serializer((value: unknown) => value as string)
    .send(text);
}

/** The function, with its last answer kept: the document is asked for far more often than it changes. */
function rememberLast(compute: (input: string) => string): (input: string) => string {
  let last: { readonly input: string; readonly output: string } | undefined;
  return (input) => {
    if (last?.input !== input) last = { input, output: compute(input) };
    return last.output;
  };
}

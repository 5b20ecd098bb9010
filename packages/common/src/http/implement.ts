import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler, RouteOptions } from 'fastify';
import type { Static, TSchema } from 'typebox';
import type { Api, Operation, OperationOutput, Operations } from '../apis/api.ts';
import { commonError } from '../apis/error-factory.ts';
import type { Identity } from './identity.ts';
import { nextPageLink } from './next-page.ts';
import { routeSchema } from './openapi.ts';
import { runWithTrace } from './trace.ts';
import { mismatches } from './validation.ts';

type Parsed<T> = T extends TSchema ? Static<T> : undefined;

/** What a handler gets: the parsed parts of the request, and who asks. */
export interface HandlerInput<O extends Operation> {
  readonly params: Parsed<O['params']>;
  readonly query: Parsed<O['query']>;
  readonly headers: Parsed<O['headers']>;
  /** The JSON body; for a raw body, a Buffer or a Readable as the operation declares. */
  readonly body: O['rawBody'] extends object ? unknown : Parsed<O['body']>;
  /** Set unless the operation is public and the caller sent no token. */
  readonly identity: O['access'] extends 'public' ? Identity | undefined : Identity;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** Answers with the operation's JSON value, or takes over with `reply` (status codes, streams, other content types). */
export type Handler<O extends Operation> = (
  input: HandlerInput<O>,
) => Promise<JsonOutput<O> | FastifyReply> | JsonOutput<O> | FastifyReply;

type JsonOutput<O extends Operation> = Exclude<OperationOutput<O>, Response>;

export type Handlers<O extends Operations> = { readonly [K in keyof O]: Handler<O[K]> };

/**
 * Registers handlers for operations of the API. A service may call it once per resource, each time with the
 * operations of that resource; `assertComplete` then holds that none was forgotten.
 */
export async function implement<O extends Operations, K extends keyof O & string>(
  app: FastifyInstance,
  api: Api<O>,
  handlers: Pick<Handlers<O>, K>,
): Promise<void> {
  for (const [operationId, handler] of Object.entries(handlers) as [K, Handler<Operation>][]) {
    const operation = api.operations[operationId];
    assert(operation, `${api.service} has no operation ${operationId}`);
    const register = (scope: FastifyInstance) => void scope.route(toRoute(app, api, operationId, operation, handler));
    if (!operation.rawBody) {
      register(app);
      continue;
    }
    const { rawBody } = operation;
    await app.register(async (scope) => {
      parseRaw(scope, rawBody);
      register(scope);
    });
  }
}

/** Throws when an operation of the API has no route: what is declared is served. */
export function assertComplete(app: FastifyInstance, api: Api): void {
  for (const [operationId, { method, path }] of Object.entries(api.operations)) {
    assert(app.hasRoute({ method, url: toFastifyPath(path) }), `${api.service}: ${operationId} has no handler`);
  }
}

/** `/entries/{leafIndex}` to `/entries/:leafIndex`; `{+path}` to `*`; a literal colon is doubled. */
export function toFastifyPath(path: string): string {
  return path
    .replaceAll(':', '::')
    .replaceAll(/\{\+\w+\}/g, '*')
    .replaceAll(/\{(\w+)\}/g, ':$1');
}

function parseRaw(scope: FastifyInstance, rawBody: NonNullable<Operation['rawBody']>): void {
  if (rawBody.anyType) scope.removeAllContentTypeParsers();
  for (const type of rawBody.anyType ? ['*'] : rawBody.contentTypes) {
    if (rawBody.mode === 'buffer') {
      scope.addContentTypeParser(type, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    } else {
      scope.addContentTypeParser(type, async (request: FastifyRequest, payload: IncomingMessage) =>
        limited(payload, request.routeOptions.bodyLimit),
      );
    }
  }
}

/** The stream, if it says that it is within the limit; otherwise one that fails where it passes it. */
function limited(payload: IncomingMessage, bytesMax: number): Readable {
  const length = payload.headers['content-length'];
  if (length === undefined) return Readable.from(upTo(payload, bytesMax), { objectMode: false });
  if (Number(length) > bytesMax) throw tooLarge(bytesMax);
  return payload;
}

async function* upTo(payload: Readable, bytesMax: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of payload as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge(bytesMax);
    yield chunk;
  }
}

function tooLarge(bytesMax: number): Error {
  return commonError('REQUEST_TOO_LARGE', `The body is at most ${bytesMax} bytes.`);
}

/** No content coding is undone here (RFC 9110 §8.4): such a body would be taken for what it is not. */
const refuseEncodedBody: onRequestHookHandler = (request, reply, done) => {
  const coding = request.headers['content-encoding'];
  if (coding === undefined || coding.toLowerCase() === 'identity') return done();
  reply.header('accept-encoding', 'identity');
  done(commonError('MEDIA_TYPE_UNSUPPORTED', 'Send the body as it is, without a Content-Encoding.'));
};

function toRoute(
  app: FastifyInstance,
  api: Api,
  operationId: string,
  operation: Operation,
  handler: Handler<Operation>,
): RouteOptions {
  const { method, path, access, bodyBytesMax } = operation;
  const status = successStatus(operation);
  return {
    method,
    url: toFastifyPath(path),
    config: { operationId, access, operation },
    schema: routeSchema(api, operationId, operation),
    ...(bodyBytesMax === undefined ? {} : { bodyLimit: bodyBytesMax }),
    ...(operation.body || operation.rawBody ? { onRequest: refuseEncodedBody } : {}),
    handler: async (request, reply) => {
      requireBody(operation, request.body);
      const { params, query, headers, body, identity } = request;
      const input = { params, query, headers, body, identity, request, reply } as HandlerInput<Operation>;
      const result = await runWithTrace(request.trace, () => handler(input));
      if (reply.sent || result === reply) return reply;
      // A handler that set no status answers with the first 2xx the operation declares.
      if (reply.statusCode === 200) reply.code(status);
      if (result !== undefined && !reply.hasHeader('content-type')) reply.type('application/json; charset=utf-8');
      const link = nextPageLink(operation, query, result);
      if (link !== undefined) reply.header('link', link);
      if (app.service.checkResponses) checkResponse(operationId, operation, reply.statusCode, result);
      return result;
    },
  };
}

/** Without a content type Fastify looks into no body schema, so a body that is missing altogether is refused here. */
function requireBody({ body, rawBody }: Operation, value: unknown): void {
  if (!body || rawBody || value !== undefined) return;
  const errors = [{ pointer: '/body', detail: 'is missing' }];
  throw commonError('REQUEST_INVALID', 'The operation needs a JSON body.', { errors });
}

function successStatus({ responses }: Operation): number {
  if (200 in responses) return 200;
  return Number(Object.keys(responses).find((status) => status.startsWith('2')) ?? 200);
}

function checkResponse(operationId: string, { responses }: Operation, status: number, value: unknown): void {
  const spec = responses[status];
  assert(spec, `${operationId} answered ${status}, which it does not declare`);
  if (!spec.schema) return;
  const problems = mismatches(spec.schema, JSON.parse(JSON.stringify(value ?? null)));
  assert(problems.length === 0, `${operationId} answered outside its schema: ${problems.join('; ')}`);
}

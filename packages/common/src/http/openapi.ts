import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { FastifySchema } from 'fastify';
import { type Api, type ErrorCatalogue, isInternal, type Operation } from '../apis/api.ts';
import { type CommonErrorCode, commonErrors } from '../apis/common-errors.ts';
import { Problem } from '../apis/schemas.ts';
import { problemContentType } from './problem.ts';

/** The document's frame: OpenAPI 3.1, one tag, bearer tokens, the problem document as a shared component. */
export function openApiOptions(api: Api, version: string): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: api.title,
        description: api.description,
        version,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/', description: 'This service' }],
      tags: tagsOf(api),
      components: {
        securitySchemes: {
          bearer: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'Access token from POST /auth/token',
          },
        },
        schemas: { Problem: Problem as object },
      },
    },
    exposeHeadRoutes: false,
    transform: ({ schema, url }) => ({
      schema: documentedSchema(schema, restName(api, url)),
      url: url.replace(/\*$/, `:${restName(api, url)}`),
    }),
  };
}

/** What `{+name}` calls the rest of the path that Fastify knows as `*`. */
function restName({ operations }: Api, url: string): string {
  const operation = Object.values(operations).find(({ path }) => path.replace(/\{\+\w+\}$/, '*') === url);
  return /\{\+(\w+)\}$/.exec(operation?.path ?? '')?.[1] ?? 'path';
}

/** The route's schema as the document shows it: what only the validator reads is left out. */
function documentedSchema(schema: FastifySchema, rest: string): FastifySchema {
  const { params } = schema;
  const renamed = params ? { params: renameRest(params, rest) } : {};
  return documented({ ...schema, ...renamed }) as FastifySchema;
}

function renameRest(params: { properties?: object; required?: string[] }, rest: string): object {
  const name = (key: string) => (key === '*' ? rest : key);
  const properties = Object.entries(params.properties ?? {}).map(([key, value]) => [name(key), value as unknown]);
  return { ...params, properties: Object.fromEntries(properties), required: (params.required ?? []).map(name) };
}

/** A discriminator over inline schemas helps ajv alone (OpenAPI 3.1 §4.8.25); binary bodies are text to a document. */
function documented(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(documented);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => key !== 'discriminator' || !('oneOf' in value));
  const isBinary = 'format' in value && value.format === 'binary';
  return Object.fromEntries(
    entries.map(([key, member]) => [key, isBinary && key === 'type' ? 'string' : documented(member)]),
  );
}

/** The service's own tag, and those its operations name. */
function tagsOf({ service, description, operations }: Api): { name: string; description: string }[] {
  const named = Object.values(operations).flatMap(({ tag }) => (tag === undefined || tag === service ? [] : [tag]));
  const others = [...new Set(named)].map((name) => ({ name, description: `${service}: ${name}` }));
  return [{ name: service, description }, ...others];
}

/** What Fastify validates by and @fastify/swagger documents: the operation, in the shape both read. */
export function routeSchema(api: Api, operationId: string, operation: Operation): FastifySchema {
  const { params, query, headers, body, rawBody } = operation;
  return {
    ...({
      operationId,
      summary: operation.summary,
      description: describe(operation),
      tags: [operation.tag ?? api.service],
      ...(isInternal(operation) ? { 'x-internal': true } : {}),
      security: operation.access === 'public' ? [{}, { bearer: [] }] : [{ bearer: [] }],
    } as object),
    ...(params ? { params } : {}),
    ...(query ? { querystring: query } : {}),
    ...(headers ? { headers } : {}),
    ...(body || rawBody ? { body: bodySchema(operation) } : {}),
    response: { ...successResponses(operation), ...errorResponses(api, operation) },
  };
}

function describe({ description, access }: Operation): string {
  const who =
    access === 'public' ? 'anybody' : access === 'authenticated' ? 'any valid token' : access.roles.join(', ');
  return `${description ? `${description}\n\n` : ''}Access: ${who}.`;
}

function bodySchema({ body, rawBody }: Operation): unknown {
  const binary = { type: 'string', format: 'binary' };
  const raw = Object.fromEntries(
    (rawBody?.contentTypes ?? []).map((type) => [type, { schema: documentedOnly(binary) }]),
  );
  return { content: { ...(body ? { 'application/json': { schema: body } } : {}), ...raw } };
}

/** A raw body is a buffer or a stream; it is documented as binary and checked by its handler, not by ajv. */
function documentedOnly(schema: object): object {
  return { ...schema, type: ['string', 'object'] };
}

function successResponses({ responses }: Operation): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(responses).map(([status, { description, schema, contentType }]) => {
      if (schema) return [status, { description, content: { [contentType ?? 'application/json']: { schema } } }];
      if (contentType) {
        return [status, { description, content: { [contentType]: { schema: { type: 'string', format: 'binary' } } } }];
      }
      return [status, { description, type: 'null' }];
    }),
  );
}

/** The common codes an operation implies by its shape, then its own, grouped by status. */
export function errorCodes(operation: Operation): string[] {
  const codes: CommonErrorCode[] = ['REQUEST_INVALID', 'INTERNAL', 'OVERLOADED'];
  if (operation.access !== 'public') codes.push('AUTH_TOKEN_MISSING');
  // A token that comes along is looked at on public operations too.
  codes.push('AUTH_TOKEN_INVALID', 'AUTH_TOKEN_EXPIRED', 'AUTH_AUDIENCE_WRONG', 'DEPENDENCY_UNAVAILABLE');
  if (typeof operation.access === 'object') codes.push('AUTH_ROLE_MISSING');
  if (operation.body ?? operation.rawBody) {
    codes.push('REQUEST_BODY_MALFORMED', 'REQUEST_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED');
  }
  if (operation.idempotencyKey) codes.push('IDEMPOTENCY_IN_FLIGHT', 'IDEMPOTENCY_KEY_REUSED');
  return [...new Set<string>([...codes, ...(operation.errors ?? [])])];
}

function errorResponses(api: Api, operation: Operation): Record<string, unknown> {
  const catalogue: ErrorCatalogue = { ...commonErrors, ...api.errors };
  const byStatus = new Map<number, string[]>();
  for (const code of errorCodes(operation)) {
    const entry = catalogue[code];
    if (!entry) throw new Error(`${api.service}: error code ${code} is in no catalogue`);
    byStatus.set(entry.status, [...(byStatus.get(entry.status) ?? []), `\`${code}\`: ${entry.doc}`]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, lines]) => [
      String(status),
      {
        description: lines.join('\n\n'),
        content: { [problemContentType]: { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  );
}

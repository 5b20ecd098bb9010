import Type, { type Static } from 'typebox';
import { defineApi, type ErrorCatalogue, type Operations } from './api.ts';
import { strictObject, Timestamp } from './schemas.ts';

/** An OpenAPI 3.1 document; its inside is described by that standard. */
export const OpenApiDocument = Type.Object(
  {
    openapi: Type.String(),
    info: Type.Object({ title: Type.String(), version: Type.String() }),
    paths: Type.Object({}),
  },
  { description: 'OpenAPI 3.1 document' },
);

const DocumentState = Type.Union(
  [Type.Literal('current'), Type.Literal('stale'), Type.Literal('quarantined'), Type.Literal('missing')],
  {
    description:
      '`current`: as the service serves it. `stale`: the service does not answer, its last good document stands. ' +
      '`quarantined`: the service answers a document that is not valid, the last good one stands. `missing`: none yet.',
  },
);

export const ServiceDocument = strictObject({
  service: Type.String(),
  state: DocumentState,
  title: Type.Optional(Type.String()),
  version: Type.Optional(Type.String()),
  operationCount: Type.Integer({ minimum: 0 }),
  readAt: Type.Optional(Timestamp),
  detail: Type.Optional(Type.String({ description: 'Why it is not current' })),
});
export type ServiceDocument = Static<typeof ServiceDocument>;

export const ServiceDocuments = strictObject({
  isComplete: Type.Boolean({ description: 'Whether every service has a document' }),
  items: Type.Array(ServiceDocument),
});
export type ServiceDocuments = Static<typeof ServiceDocuments>;

const serviceParams = strictObject({ service: Type.String({ pattern: '^[a-z][a-z-]{0,31}$' }) });
const conditional = Type.Object({ 'if-none-match': Type.Optional(Type.String({ maxLength: 1024 })) });
const notModified = { 304: { description: 'Not changed since the tag in `If-None-Match`' } } as const;
const json = { description: 'The document', schema: OpenApiDocument } as const;
const yaml = { description: 'The document', contentType: 'application/yaml' } as const;

/** Reading the documents: the same on openapi-server, which makes them, and openapi-gateway, which shows them. */
const documents = {
  getDocument: {
    method: 'GET',
    path: '/document.json',
    summary: "The platform's OpenAPI document, as JSON",
    description: 'Every operation a client can call, with its path through the gateway.',
    access: 'public',
    headers: conditional,
    responses: { 200: json, ...notModified },
    errors: ['OPENAPI_DOCUMENT_MISSING'],
  },
  getDocumentYaml: {
    method: 'GET',
    path: '/document.yaml',
    summary: "The platform's OpenAPI document, as YAML",
    access: 'public',
    headers: conditional,
    responses: { 200: yaml, ...notModified },
    errors: ['OPENAPI_DOCUMENT_MISSING'],
  },
  listServices: {
    method: 'GET',
    path: '/services',
    summary: 'The services, their versions, and how current their documents are',
    access: 'public',
    responses: { 200: { description: 'Each service', schema: ServiceDocuments } },
    errors: ['OPENAPI_DOCUMENT_MISSING'],
  },
  getServiceDocument: {
    method: 'GET',
    path: '/services/{service}/document.json',
    summary: "One service's OpenAPI document, as the service serves it",
    access: 'public',
    params: serviceParams,
    headers: conditional,
    responses: { 200: json, ...notModified },
    errors: ['OPENAPI_SERVICE_UNKNOWN', 'OPENAPI_DOCUMENT_MISSING'],
  },
} as const satisfies Operations;

export const openapiErrors = {
  OPENAPI_SERVICE_UNKNOWN: { status: 404, doc: 'There is no service of this name.' },
  OPENAPI_DOCUMENT_MISSING: { status: 503, doc: 'The document has never been read; its service does not answer.' },
  OPENAPI_DOCUMENT_INVALID: { status: 422, doc: 'A document is not OpenAPI 3.1; the reason is named.' },
} as const satisfies ErrorCatalogue;

/** openapi-server (8081): merges the documents of the running services. */
export const openapiServerApi = defineApi({
  service: 'openapi-server',
  title: 'Lucid OpenAPI server',
  description: "The platform's one OpenAPI document, merged from the running services",
  errors: openapiErrors,
  operations: {
    ...documents,
    refreshDocuments: {
      method: 'POST',
      path: '/refresh',
      summary: 'Read every service’s document again, now',
      access: { roles: ['operator', 'admin'] },
      responses: { 200: { description: 'Each service, after reading', schema: ServiceDocuments } },
    },
  },
});

const html = { description: 'The page', contentType: 'text/html' } as const;

export const openapiGatewayErrors = {
  ...openapiErrors,
  OPENAPI_METHOD_NOT_ALLOWED: { status: 405, doc: 'This service is only read: GET and HEAD.' },
  OPENAPI_ASSET_UNKNOWN: { status: 404, doc: 'There is no asset of this name and content.' },
} as const satisfies ErrorCatalogue;

/** openapi-gateway (8080): the documentation's public edge. It only reads. */
export const openapiGatewayApi = defineApi({
  service: 'openapi-gateway',
  title: 'Lucid documentation',
  description: 'The documentation for people and programs: pages, documents, status',
  errors: openapiGatewayErrors,
  operations: {
    getHome: {
      method: 'GET',
      path: '/',
      summary: 'The first page: services, versions, status',
      access: 'public',
      responses: { 200: html },
      errors: ['RATE_LIMITED'],
    },
    getDocs: {
      method: 'GET',
      path: '/docs',
      summary: 'The operations, to read and to try',
      access: 'public',
      headers: conditional,
      responses: { 200: html, ...notModified },
      errors: ['RATE_LIMITED'],
    },
    getAsset: {
      method: 'GET',
      path: '/assets/{file}',
      summary: 'A file the pages need; its name holds the hash of its content',
      access: 'public',
      params: strictObject({ file: Type.String({ pattern: '^[a-z0-9.-]{1,80}$' }) }),
      headers: conditional,
      responses: {
        200: { description: 'The file', contentType: 'application/octet-stream' },
        ...notModified,
      },
      errors: ['OPENAPI_ASSET_UNKNOWN', 'RATE_LIMITED'],
    },
    ...documents,
    getGatewayStatus: {
      method: 'GET',
      path: '/gateway/status',
      summary: "The gateway's status, as it tells it",
      access: 'public',
      responses: { 200: { description: 'As GET /status of the gateway', schema: Type.Object({}) } },
      errors: ['DEPENDENCY_UNAVAILABLE', 'RATE_LIMITED'],
    },
  },
});

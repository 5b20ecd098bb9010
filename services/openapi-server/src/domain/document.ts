import { openapiError } from '../errors.ts';

/** Any JSON object inside a document. */
export interface JsonObject {
  readonly [name: string]: unknown;
}

/** A document that has been held to what merging and showing rely on. */
export interface OpenApiDocument extends JsonObject {
  readonly openapi: string;
  readonly info: JsonObject & { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, JsonObject>>;
  readonly components?: Readonly<Record<string, JsonObject>>;
}

export const documentBytesMax = 4 * 1024 * 1024;
const depthMax = 64;
const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

/**
 * Reads a service's document as hostile input. What it checks: JSON, OpenAPI 3.1, info, unique operationIds, declared
 * path parameters, answers, and references that stay inside and lead somewhere.
 * @throws OPENAPI_DOCUMENT_INVALID, naming the place and the reason
 */
export function parseDocument(text: string): OpenApiDocument {
  if (text.length > documentBytesMax) throw invalid('', `is larger than ${documentBytesMax} bytes`);
  const document = parseJson(text);
  if (!isObject(document)) throw invalid('', 'is not a JSON object');
  const { openapi, info, paths } = document;
  if (typeof openapi !== 'string' || !/^3\.1\.\d+$/.test(openapi)) throw invalid('/openapi', 'is not 3.1.x');
  if (!isObject(info) || typeof info['title'] !== 'string' || typeof info['version'] !== 'string') {
    throw invalid('/info', 'has no title and version');
  }
  if (!isObject(paths)) throw invalid('/paths', 'is not an object');
  checkReferences(document, document, '', 0);
  const seen = new Set<string>();
  for (const [path, item] of Object.entries(paths)) checkPath(path, item, seen);
  return document as OpenApiDocument;
}

/** The operations of a document, in its order. */
export function* operationsOf({ paths }: OpenApiDocument) {
  for (const [path, item] of Object.entries(paths)) {
    for (const method of methods) {
      const operation = item[method];
      if (isObject(operation)) yield { path, method, operation };
    }
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('', 'is not JSON');
  }
}

function invalid(pointer: string, reason: string) {
  return openapiError('OPENAPI_DOCUMENT_INVALID', `${pointer || 'The document'} ${reason}.`, { data: { pointer } });
}

function escape(part: string): string {
  return part.replaceAll('~', '~0').replaceAll('/', '~1');
}

function checkReferences(root: JsonObject, value: unknown, pointer: string, depth: number): void {
  if (depth > depthMax) throw invalid(pointer.slice(0, 200), 'is nested too deeply');
  if (typeof value !== 'object' || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    if (name === '__proto__') throw invalid(pointer, 'has a member named __proto__');
    const place = `${pointer}/${escape(name)}`;
    if (name === '$ref' && typeof member === 'string') {
      if (!member.startsWith('#/')) throw invalid(place, 'leads out of the document');
      if (resolve(root, member) === undefined) throw invalid(place, `leads nowhere: ${member.slice(0, 200)}`);
    }
    checkReferences(root, member, place, depth + 1);
  }
}

function resolve(root: JsonObject, reference: string): unknown {
  let value: unknown = root;
  for (const part of reference.slice(2).split('/')) {
    if (typeof value !== 'object' || value === null) return undefined;
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    value = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
  }
  return value;
}

function checkPath(path: string, item: unknown, seen: Set<string>): void {
  const pointer = `/paths/${escape(path)}`;
  if (!path.startsWith('/') || !isObject(item)) throw invalid(pointer, 'is not a path with its operations');
  for (const method of methods) {
    const operation = item[method];
    if (operation === undefined) continue;
    const place = `${pointer}/${method}`;
    if (!isObject(operation)) throw invalid(place, 'is not an operation');
    checkOperation(path, operation, place);
    const id = operation['operationId'] as string;
    if (seen.has(id)) throw invalid(place, `uses the operationId ${id} twice`);
    seen.add(id);
  }
}

function checkOperation(path: string, operation: JsonObject, place: string): void {
  const { operationId, responses, parameters } = operation;
  if (typeof operationId !== 'string' || !/^[A-Za-z]\w{0,99}$/.test(operationId)) {
    throw invalid(place, 'has no operationId made of letters and digits');
  }
  if (!isObject(responses) || Object.keys(responses).length === 0) throw invalid(place, 'declares no answer');
  const declared = new Set(
    (Array.isArray(parameters) ? parameters : [])
      .filter((parameter) => isObject(parameter) && parameter['in'] === 'path')
      .map((parameter: JsonObject) => parameter['name']),
  );
  for (const [, name] of path.matchAll(/\{([^}]+)\}/g)) {
    if (!declared.has(name)) throw invalid(place, `does not declare the path parameter ${name}`);
  }
}

import { mismatches } from '@lucid/common/http/validation';
import type { Answer } from './ask.ts';
import type { Schema } from './examples.ts';

/** The parts of an OpenAPI 3.1 document these tests read. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly servers: readonly { readonly url: string }[];
  /** Path items; beside operations they may hold `servers`. */
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
  readonly components?: { readonly responses?: Readonly<Record<string, DocumentedResponse>> };
}
interface DocumentedOperation {
  readonly operationId: string;
  readonly 'x-internal'?: boolean;
  readonly responses: Readonly<Record<string, DocumentedResponse | { readonly $ref: string }>>;
}
interface DocumentedResponse {
  readonly description: string;
  readonly content?: Readonly<Record<string, { readonly schema?: object }>>;
}

/** An operation and every answer a document promises of it. */
export interface Documented {
  readonly operationId: string;
  /** `GET /entries/{leafIndex}`. */
  readonly target: string;
  readonly responses: ReadonlyMap<number, DocumentedResponse>;
}

/** By `METHOD /path`. */
export function documentedOf(document: OpenApiDocument): ReadonlyMap<string, Documented> {
  const all = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([method]) => method !== 'servers')
      .map(([method, operation]): Documented => {
        const responses = Object.entries(operation.responses).map(
          ([status, response]) => [Number(status), resolve(document, response)] as const,
        );
        const target = `${method.toUpperCase()} ${path}`;
        return { operationId: operation.operationId, target, responses: new Map(responses) };
      }),
  );
  return new Map(all.map((documented) => [documented.target, documented]));
}

function resolve(document: OpenApiDocument, response: DocumentedOperation['responses'][string]): DocumentedResponse {
  if (!('$ref' in response)) return response;
  const found = document.components?.responses?.[response.$ref.slice('#/components/responses/'.length)];
  if (!found) throw new Error(`${response.$ref} leads nowhere`);
  return found;
}

/** Where an answer is not what the document promises; empty when it is. */
export function breachesOf(answer: Answer, { target, responses }: Documented): readonly string[] {
  const response = responses.get(answer.status);
  const found = `${target} answered ${answer.status} ${answer.code ?? answer.contentType}`;
  if (!response) return [`${found}: the status is not documented`];
  if (answer.status >= 400) return problemBreaches(answer, response).map((breach) => `${found}: ${breach}`);
  const types = Object.keys(response.content ?? {});
  if (types.length === 0) return [];
  const type = types.find((name) => answer.contentType.startsWith(name));
  if (type === undefined) return [`${found}: documented are ${types.join(', ')}`];
  const schema = response.content?.[type]?.schema as Schema | undefined;
  if (schema === undefined || !type.includes('json')) return [];
  return mismatches(schema, answer.body).map((mismatch) => `${found}: ${mismatch}`);
}

/** RFC 9457, with a code that is documented for the status, and nothing of the inside. */
function problemBreaches({ status, code, body }: Answer, { description }: DocumentedResponse): string[] {
  if (code === undefined) return ['it is no problem document with a code'];
  const problem = body as Readonly<Record<string, unknown>>;
  return [
    ...(description.includes(`\`${code}\``) ? [] : ['the code is not documented for the status']),
    ...(problem['status'] === status ? [] : ['its status is not the answer’s']),
    ...(typeof problem['requestId'] === 'string' ? [] : ['it has no requestId']),
    ...(typeof problem['detail'] === 'string' ? [] : ['it has no detail']),
    ...(/\.ts\b|node_modules|node:internal|\bat .+:\d+:\d+/.test(JSON.stringify(body)) ? ['it shows the inside'] : []),
  ];
}

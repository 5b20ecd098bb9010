import { request } from 'node:http';
import type { Operation } from '@lucid/common/apis/api';
import { toUrl } from '@lucid/common/http/client';
import { defaultLimits } from '@lucid/common/http/service';
import { mismatches } from '@lucid/common/http/validation';
import { exampleRequest, type RequestParts } from './ask.ts';
import { exampleOf, misfitsOf, type Schema } from './examples.ts';

/** A request that is wrong in one place. */
export interface BadRequest {
  readonly name: string;
  readonly parts: RequestParts;
  /** The codes it may be answered with; without them, any answer that is documented. */
  readonly codes?: readonly string[];
}

const json = 'application/json';
const stranger = '~~';
/** Text that is right in JSON and trips what reads it carelessly. */
const oddTexts = ['', '\ud800', '\u0000', 'x'.repeat(10_000), '__proto__'];
const oddNumbers = [-1, 0.5, 2 ** 53, 1e308];
const nestingMax = 50_000;

/** Every way to be wrong that the operation's own schemas suggest, one at a time. */
export function badRequestsOf(operation: Operation, bodiesMax = Number.POSITIVE_INFINITY): readonly BadRequest[] {
  return [...badTexts(operation), ...badBodies(operation), ...badJson(operation).slice(0, bodiesMax)];
}

/** Path parameters, query and headers. */
function badTexts(operation: Operation): BadRequest[] {
  const example = exampleRequest(operation);
  const parts = ['params', 'query', 'headers'] as const;
  return parts.flatMap((part) => {
    const schema = operation[part] as Schema | undefined;
    if (!schema) return [];
    const withValue = (name: string, value: string) => ({ ...example, [part]: { ...example[part], [name]: value } });
    const strange = Object.entries(schema.properties ?? {}).flatMap(([name, property]): BadRequest[] => {
      const bad = { name: `${part}: ${name} is strange`, parts: withValue(name, stranger) };
      if (mismatches(property, stranger).length > 0) return [{ ...bad, codes: ['REQUEST_INVALID'] }];
      const isList = name === 'cursor' && !operation.params;
      return isList ? [{ ...bad, codes: ['CURSOR_INVALID'] }] : [bad];
    });
    const unknown = { name: `${part}: unknown`, parts: withValue('unknown', '1'), codes: ['REQUEST_INVALID'] };
    return part === 'query' ? [...strange, unknown] : strange;
  });
}

/** Bodies no schema has looked at yet: absent, of another type, no JSON. */
function badBodies(operation: Operation): BadRequest[] {
  const { body, rawBody } = operation;
  if ((!body && !rawBody) || rawBody?.anyType) return [];
  const { contentType: _type, body: _body, ...bare } = exampleRequest(operation);
  const sent = (name: string, contentType: string, text: string, ...codes: string[]): BadRequest => ({
    name,
    parts: { ...bare, contentType, body: text },
    ...(codes.length === 0 ? {} : { codes }),
  });
  const foreign = [
    sent('text', 'text/plain', '{}', 'MEDIA_TYPE_UNSUPPORTED'),
    sent('a form', 'application/x-www-form-urlencoded', 'a=1', 'MEDIA_TYPE_UNSUPPORTED'),
    sent('XML', 'application/xml', '<a/>', 'MEDIA_TYPE_UNSUPPORTED'),
    sent('no type at all', '', '{}', 'MEDIA_TYPE_UNSUPPORTED'),
  ];
  if (!body) return foreign;
  const codes = isFree(body) ? [] : ['REQUEST_BODY_MALFORMED'];
  const nested = isFree(body) ? [] : ['REQUEST_INVALID', 'REQUEST_TOO_LARGE'];
  const depth = Math.min(nestingMax, Math.floor((operation.bodyBytesMax ?? defaultLimits.bodyBytesMax) / 2) - 1);
  return [
    ...foreign,
    { name: 'no body', parts: bare, ...(rawBody ? {} : { codes: ['REQUEST_INVALID'] }) },
    sent('an empty body', json, '', ...codes),
    sent('half of JSON', json, '{"a":', ...codes),
    sent('no UTF-8', json, '\ufffd', ...codes),
    sent('a prototype', json, '{"__proto__":{"a":1}}', ...codes),
    sent('deep nesting', json, '['.repeat(depth) + ']'.repeat(depth), ...nested),
  ];
}

/** Whether the schema takes anything, so that the handler alone decides. */
function isFree(schema: Schema): boolean {
  return misfitsOf(schema).length === 0;
}

/** JSON that is not of the schema, or is and yet odd. */
function badJson(operation: Operation): BadRequest[] {
  const { body } = operation;
  if (!body) return [];
  const { body: _body, ...rest } = exampleRequest(operation);
  return [...spoil(body, exampleOf(body), '')].map(([name, value]) => ({
    name: `body${name}`,
    parts: { ...rest, body: JSON.stringify(value) },
    ...(mismatches(body, value).length > 0 ? { codes: ['REQUEST_INVALID', 'REQUEST_TOO_LARGE'] } : {}),
  }));
}

/** Every member of the example in turn: of another type, missing, odd; and one nobody knows. */
function* spoil(schema: Schema, value: unknown, path: string): Generator<[string, unknown]> {
  const variants = schema.anyOf ?? schema.oneOf;
  if (variants) for (const variant of variants) yield* spoil(variant, exampleOf(variant), path);
  for (const misfit of misfitsOf(schema).slice(0, path === '' ? undefined : 2))
    yield [`${path} is ${JSON.stringify(misfit)}`, misfit];
  if (typeof value === 'string') for (const odd of oddTexts) yield [`${path} is odd text`, odd];
  if (typeof value === 'number') for (const odd of oddNumbers) yield [`${path} is ${odd}`, odd];
  if (Array.isArray(value) && schema.items) {
    const [first = exampleOf(schema.items)] = value;
    for (const [name, item] of spoil(schema.items, first, `${path}/0`)) yield [name, [item, ...value.slice(1)]];
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  yield [`${path}/unknown`, { ...value, unknown: 1 }];
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const { [name]: member = exampleOf(property), ...others } = value as Record<string, unknown>;
    yield [`${path}/${name} is missing`, others];
    for (const [place, odd] of spoil(property, member, `${path}/${name}`)) yield [place, { ...value, [name]: odd }];
  }
}

/** Announces one byte more than the operation takes, and waits for the refusal before sending any. */
export async function announceTooMuch(
  baseUrl: string,
  operation: Operation,
  path: `/${string}`,
  token: string | undefined,
): Promise<{ readonly status: number; readonly code: string | undefined }> {
  const parts = exampleRequest(operation);
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; code: string | undefined }>();
  const length = (operation.bodyBytesMax ?? defaultLimits.bodyBytesMax) + 1;
  const outgoing = request(
    toUrl(baseUrl, { ...operation, path }, parts),
    {
      method: operation.method,
      headers: {
        ...parts.headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        'content-type': parts.contentType,
        'content-length': length,
      },
    },
    (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('error', reject).on('end', () => {
        resolve({ status: response.statusCode ?? 0, code: (JSON.parse(body) as { code?: string }).code });
        outgoing.destroy();
      });
    },
  );
  outgoing.on('error', reject);
  outgoing.flushHeaders();
  return await promise;
}

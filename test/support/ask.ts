import { createHash } from 'node:crypto';
import type { Operation } from '@lucid/common/apis/api';
import { toUrl } from '@lucid/common/http/client';
import { exampleOf, type Schema } from './examples.ts';

/** What a request carries besides its token. */
export interface RequestParts {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body as it is sent. */
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly contentType?: string;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  /** The JSON of the body; its text when it is none. */
  readonly body: unknown;
  /** `code` of a problem document. */
  readonly code: string | undefined;
}

type Target = Pick<Operation, 'method' | 'path'>;

/** The smallest request the operation's schemas allow. */
export function exampleRequest({ params, query, headers, body, rawBody }: Operation): RequestParts {
  const valuesOf = (schema: unknown) => (schema ? (exampleOf(schema as Schema) as Record<string, string>) : {});
  const parts = { params: valuesOf(params), query: valuesOf(query), headers: valuesOf(headers) };
  if (body) return { ...parts, body: JSON.stringify(exampleOf(body)), contentType: 'application/json' };
  const rawType = rawBody?.contentTypes[0];
  if (!rawType) return parts;
  const bytes = new Uint8Array([1, 2, 3]);
  const digest = { 'content-digest': `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:` };
  const isDigested = 'content-digest' in parts.headers;
  return {
    ...parts,
    headers: { ...parts.headers, ...(isDigested ? digest : {}) },
    body: bytes,
    contentType: rawType,
  };
}

/** Sends one request, without retries. */
export async function ask(baseUrl: string, target: Target, parts: RequestParts, token?: string): Promise<Answer> {
  const response = await fetch(toUrl(baseUrl, target as Operation, parts), {
    method: target.method,
    headers: {
      ...parts.headers,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(parts.contentType === undefined ? {} : { 'content-type': parts.contentType }),
    },
    body: parts.body ?? null,
    redirect: 'error',
  });
  const contentType = response.headers.get('content-type') ?? '';
  // A stream of events has no end to wait for.
  const isEndless = contentType.startsWith('text/event-stream');
  if (isEndless) await response.body?.cancel();
  const text = isEndless ? '' : await response.text();
  const body: unknown = contentType.includes('json') && text !== '' ? JSON.parse(text) : text;
  const code =
    contentType.startsWith('application/problem+json') && typeof body === 'object'
      ? (body as { code?: string }).code
      : undefined;
  return { status: response.status, contentType, body, code };
}

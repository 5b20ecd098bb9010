import type { Static, TObject, TSchema } from 'typebox';

/** What a caller may be. `service` is another part of the platform, never a person. */
export type Role = 'user' | 'recorder' | 'auditor' | 'operator' | 'admin' | 'service';

/** Who may call an operation: anybody, any valid token, or a token with one of the roles. Ownership is the handler's. */
export type Access = 'public' | 'authenticated' | { readonly roles: readonly Role[] };

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** An error code, what it means, and the HTTP status it is answered with. */
export interface ErrorEntry {
  readonly status: number;
  readonly doc: string;
}
export type ErrorCatalogue = Readonly<Record<string, ErrorEntry>>;

/** A body that is not JSON: taken whole (`buffer`) or handed to the handler as it arrives (`stream`). */
export interface RawBody {
  readonly contentTypes: readonly string[];
  readonly mode: 'buffer' | 'stream';
  /** Bytes of every content type, or of none, are taken as well. */
  readonly anyType?: true;
}

/** What a client may send as a raw body. */
export type RawBodyInput = Uint8Array<ArrayBuffer> | string | ReadableStream<Uint8Array>;

export interface ResponseSpec {
  readonly description: string;
  /** The JSON body's schema; absent for an empty body or one of another content type. */
  readonly schema?: TSchema;
  /** The content type of a body that is not JSON. */
  readonly contentType?: string;
}

export interface Operation {
  readonly method: Method;
  /** OpenAPI style: `/entries/{leafIndex}`; `{+path}` at the end takes the rest, slashes included. */
  readonly path: `/${string}`;
  readonly summary: string;
  readonly description?: string;
  readonly tag?: string;
  readonly access: Access;
  readonly params?: TObject;
  readonly query?: TObject;
  /** Request headers the operation reads, lower case. Others are let through. */
  readonly headers?: TObject;
  readonly body?: TSchema;
  readonly rawBody?: RawBody;
  /** Largest body in bytes; the service's limit (1 MiB) unless given. */
  readonly bodyBytesMax?: number;
  readonly responses: Readonly<Record<number, ResponseSpec>>;
  /** Codes of the service's catalogue this operation can answer; the common ones are implied. */
  readonly errors?: readonly string[];
  /** Takes an `Idempotency-Key`; the client may then retry it. GET, PUT and DELETE may always be retried. */
  readonly idempotencyKey?: boolean;
  /** Between services only: the gateway never forwards it. */
  readonly internal?: boolean;
}

export type Operations = Readonly<Record<string, Operation>>;

export interface Api<O extends Operations = Operations> {
  /** The service's name: the audience of tokens for it, the tag of its operations, its metrics' prefix. */
  readonly service: string;
  readonly title: string;
  readonly description: string;
  readonly errors: ErrorCatalogue;
  readonly operations: O;
}

/** Declares a service's API: the one source of its routes, its typed client and its OpenAPI document. */
export function defineApi<const O extends Operations>(api: Api<O>): Api<O> {
  return api;
}

/** Between services only: marked so, or open to the role `service` alone, which no client's token carries. */
export function isInternal({ internal, access }: Operation): boolean {
  return internal === true || (typeof access === 'object' && access.roles.every((role) => role === 'service'));
}

type StaticOf<T> = T extends TSchema ? Static<T> : undefined;
type Part<K extends string, T> = T extends TSchema ? { readonly [P in K]: Static<T> } : { readonly [P in K]?: never };
type OptionalPart<K extends string, T> = T extends TSchema ? { readonly [P in K]?: Static<T> } : object;

/** What a caller of the operation passes. */
export type OperationInput<O extends Operation> = Part<'params', O['params']> &
  OptionalPart<'query', O['query']> &
  OptionalPart<'headers', O['headers']> &
  BodyPart<O>;

type BodyPart<O extends Operation> = O['body'] extends TSchema
  ? O['rawBody'] extends RawBody
    ? { readonly body?: Static<O['body']>; readonly rawBody?: RawBodyInput; readonly contentType?: string }
    : { readonly body: Static<O['body']> }
  : O['rawBody'] extends RawBody
    ? { readonly rawBody: RawBodyInput; readonly contentType?: string }
    : object;

/** The JSON value of the operation's 2xx answers; `Response` when the answer is not JSON, undefined when empty. */
export type OperationOutput<O extends Operation> = {
  [S in keyof O['responses']]: S extends 200 | 201 | 202 | 204 | 206 ? Answer<O['responses'][S]> : never;
}[keyof O['responses']];

type Answer<R> = R extends { readonly contentType: string }
  ? Response
  : R extends { readonly schema: infer T }
    ? StaticOf<T>
    : undefined;

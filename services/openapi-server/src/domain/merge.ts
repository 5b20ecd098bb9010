import { isDeepStrictEqual } from 'node:util';
import type { ErrorCatalogue } from '@lucid/common/apis/api';
import { commonErrors } from '@lucid/common/apis/common-errors';
import { type GatewayFamily, gatewayErrors, gatewayFamilies, gatewayPath } from '@lucid/common/apis/gateway';
import { Problem } from '@lucid/common/apis/schemas';
import { isObject, type JsonObject, type OpenApiDocument, operationsOf } from './document.ts';

export interface MergeOptions {
  /** The platform's version. */
  readonly version: string;
  /** The gateway as clients see it. */
  readonly gatewayUrl: string;
  /** The documentation's edge as readers see it. */
  readonly docsUrl: string;
}

/** A service's document, in the order the merged one shows them. */
export interface NamedDocument {
  readonly service: string;
  readonly document: OpenApiDocument;
}

interface Placed {
  readonly service: string;
  readonly path: string;
  readonly method: string;
  readonly operation: JsonObject;
  /** For a path that is not behind the gateway. */
  readonly server: string | undefined;
  readonly isForwarded: boolean;
}

/**
 * One OpenAPI 3.1 document of what clients can call: the services behind the gateway under its paths, the gateway's
 * own paths, and the documentation's edge with its own server. Operations between services are left out, and so are
 * services no client reaches (vm, openapi-server). Names that clash get their service's name in front; equal
 * components are shared. Pure, and the same for the same input.
 */
export function mergeDocuments(documents: readonly NamedDocument[], options: MergeOptions): JsonObject {
  const renames = nameComponents(documents);
  const placed = documents.flatMap((named) => place(named, options, renames.get(named.service) ?? new Map()));
  const clashing = duplicates(placed.map(({ operation }) => String(operation['operationId'])));
  const paths: Record<string, Record<string, unknown>> = {};
  for (const entry of placed) {
    const item = (paths[entry.path] ??= entry.server ? { servers: [{ url: entry.server }] } : {});
    item[entry.method] ??= dress(entry, clashing);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Lucid',
      version: options.version,
      description: 'Every operation a client can call, as the running services declare it.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: options.gatewayUrl, description: 'The gateway' }],
    tags: tagsOf(documents, placed),
    paths,
    components: withoutUnused(mergeComponents(documents, renames), paths),
  };
}

const familyOf = new Map<string, GatewayFamily>(
  Object.entries(gatewayFamilies).map(([family, service]) => [service, family as GatewayFamily]),
);

function place({ service, document }: NamedDocument, options: MergeOptions, names: Renames): Placed[] {
  const family = familyOf.get(service);
  if (!family && service !== 'gateway' && service !== 'openapi-gateway') return [];
  const server = service === 'openapi-gateway' ? options.docsUrl : undefined;
  return [...operationsOf(document)]
    .filter(({ operation }) => operation['x-internal'] !== true)
    .map(({ path, method, operation }) => ({
      service,
      method,
      path: family ? gatewayPath(family, path) : path,
      operation: rename(operation, names) as JsonObject,
      server,
      isForwarded: family !== undefined,
    }));
}

/** The operation under a unique id and its service's tag, with what the gateway may answer in its place. */
function dress({ service, operation, isForwarded }: Placed, clashing: ReadonlySet<string>): JsonObject {
  const id = String(operation['operationId']);
  const responses = operation['responses'] as JsonObject;
  return {
    ...operation,
    operationId: clashing.has(id) ? `${camelCase(service)}${id.charAt(0).toUpperCase()}${id.slice(1)}` : id,
    tags: [service],
    responses: isForwarded ? withGatewayAnswers(responses) : responses,
  };
}

const problem = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
const catalogue: ErrorCatalogue = { ...commonErrors, ...gatewayErrors };

/** What the gateway may answer in a service's place, by status. */
const gatewayAnswers: readonly GatewayAnswer[] = [
  gatewayAnswer('RequestAmbiguous', 'GATEWAY_REQUEST_AMBIGUOUS'),
  gatewayAnswer('RateLimited', 'RATE_LIMITED'),
  gatewayAnswer('BadGateway', 'GATEWAY_UPSTREAM_FAILED'),
  gatewayAnswer('UpstreamUnavailable', 'GATEWAY_UPSTREAM_UNREACHABLE', 'CIRCUIT_OPEN'),
  gatewayAnswer('GatewayTimeout', 'GATEWAY_UPSTREAM_TIMEOUT'),
];

interface GatewayAnswer {
  readonly status: string;
  /** Of the shared response, for operations that have no answer of this status themselves. */
  readonly name: string;
  readonly description: string;
}

/** The codes must be of one status. */
function gatewayAnswer(name: string, ...codes: readonly (keyof typeof gatewayErrors | 'RATE_LIMITED')[]) {
  const lines = codes.map((code) => `\`${code}\`: ${catalogue[code]?.doc}`);
  return { name, status: String(catalogue[codes[0] ?? '']?.status), description: lines.join('\n\n') };
}

/** The service's answers and the gateway's; where both have one of a status, its description names the codes of both. */
function withGatewayAnswers(responses: JsonObject): JsonObject {
  const added = gatewayAnswers.map(({ status, name, description }) => {
    const own = responses[status];
    if (!isObject(own)) return [status, { $ref: `#/components/responses/${name}` }];
    const text = String(own['description']);
    return [status, text.includes(description) ? own : { ...own, description: `${text}\n\n${description}` }];
  });
  return { ...responses, ...Object.fromEntries(added) };
}

const gatewayResponses = Object.fromEntries(
  gatewayAnswers.map(({ name, description }) => [name, { description, content: problem }]),
);

function tagsOf(documents: readonly NamedDocument[], placed: readonly Placed[]): JsonObject[] {
  const used = new Set(placed.map(({ service }) => service));
  return documents
    .filter(({ service }) => used.has(service))
    .map(({ service, document }) => ({
      name: service,
      description: document.info['description'] ?? document.info.title,
    }));
}

/** From `section/name` in a service's document to the name in the merged one. */
type Renames = ReadonlyMap<string, string>;

/** A component keeps its name where all services mean the same by it, and gets its service's in front elsewhere. */
function nameComponents(documents: readonly NamedDocument[]): Map<string, Renames> {
  const variants = new Map<string, JsonObject[]>();
  for (const { document } of documents) {
    for (const [key, component] of componentsOf(document)) {
      const known = variants.get(key) ?? [];
      if (!known.some((other) => isDeepStrictEqual(other, component))) variants.set(key, [...known, component]);
    }
  }
  return new Map(
    documents.map(({ service, document }) => [
      service,
      new Map(
        [...componentsOf(document)].map(([key]) => {
          const name = key.slice(key.indexOf('/') + 1);
          return [key, (variants.get(key)?.length ?? 0) > 1 ? `${pascalCase(service)}${name}` : name];
        }),
      ),
    ]),
  );
}

function* componentsOf({ components }: OpenApiDocument): Generator<[string, JsonObject]> {
  for (const [section, members] of Object.entries(components ?? {})) {
    for (const [name, component] of Object.entries(members)) {
      if (isObject(component)) yield [`${section}/${name}`, component];
    }
  }
}

type Components = Record<string, Record<string, unknown>>;

function mergeComponents(documents: readonly NamedDocument[], renames: ReadonlyMap<string, Renames>): Components {
  const merged: Components = { responses: { ...gatewayResponses }, schemas: { Problem } };
  for (const { service, document } of documents) {
    const names: Renames = renames.get(service) ?? new Map();
    for (const [key, component] of componentsOf(document)) {
      const section = key.slice(0, key.indexOf('/'));
      const name = names.get(key) ?? key;
      (merged[section] ??= {})[name] ??= rename(component, names);
    }
  }
  return merged;
}

/** A copy in which every reference to a component has the component's new name. */
function rename(value: unknown, names: Renames): unknown {
  if (Array.isArray(value)) return value.map((item) => rename(item, names));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      if (name !== '$ref' || typeof member !== 'string') return [name, rename(member, names)];
      const [section = '', component = ''] = member.slice('#/components/'.length).split('/');
      return [name, member.replace(`/${component}`, `/${names.get(`${section}/${component}`) ?? component}`)];
    }),
  );
}

/** Components nothing leads to are left out; security schemes are named, not referred to, and stay. */
function withoutUnused(components: Components, paths: unknown): Components {
  const used = new Set<string>();
  const follow = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, member] of Object.entries(value)) {
      if (name === '$ref' && typeof member === 'string' && !used.has(member)) {
        used.add(member);
        const [section = '', component = ''] = member.slice('#/components/'.length).split('/');
        follow(components[section]?.[component]);
      }
      follow(member);
    }
  };
  follow(paths);
  return Object.fromEntries(
    Object.entries(components)
      .map(([section, members]): [string, Record<string, unknown>] => [
        section,
        Object.fromEntries(
          Object.entries(members).filter(
            ([name]) => section === 'securitySchemes' || used.has(`#/components/${section}/${name}`),
          ),
        ),
      ])
      .filter(([, members]) => Object.keys(members).length > 0),
  );
}

function duplicates(names: readonly string[]): Set<string> {
  const seen = new Set<string>();
  return new Set(names.filter((name) => (seen.has(name) ? true : (seen.add(name), false))));
}

function pascalCase(service: string): string {
  return service.replaceAll(/(?:^|-)([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}

function camelCase(service: string): string {
  return service.replaceAll(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}

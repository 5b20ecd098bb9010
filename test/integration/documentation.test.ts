import { channel } from 'node:diagnostics_channel';
import type { Operation } from '@lucid/common/apis/api';
import { commonErrors } from '@lucid/common/apis/common-errors';
import { gatewayErrors } from '@lucid/common/apis/gateway';
import { serviceNames } from '@lucid/platform/ports';
import type { FastifyInstance, RouteOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask } from '../support/ask.ts';
import { announceTooMuch, type BadRequest, badRequestsOf } from '../support/bad-requests.ts';
import { type Crowd, createCrowd, ofPeople, peopleRoles } from '../support/crowd.ts';
import { breachesOf, type Documented, documentedOf, type OpenApiDocument } from '../support/documented-answers.ts';
import { operationsOf, readApis, type ServiceOperation } from '../support/every-operation.ts';
import { generousLimits } from '../support/generous.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';
import { type PlatformTokens, readPlatformTokens } from '../support/platform-tokens.ts';
import { registerFirstUser } from '../support/user.ts';

// The documents against the running services: nothing is served that is not documented, nothing is documented that is
// not served, and whatever a client does wrong is answered by a documented problem, never by a fault. That the
// documents are valid OpenAPI is held by conformance/openapi-lint.test.ts.

const operations = operationsOf(await readApis());
const rows = operations.map((row) => [row.name, row] as const);
const probes = new Set(['GET /livez', 'GET /readyz', 'GET /metrics', 'GET /openapi.json']);

/** What Fastify says of every app it makes: so the routes are those registered, not those we know of. */
const registered: { readonly app: FastifyInstance; readonly method: string; readonly url: string }[] = [];
const newApps = channel('fastify.initialization');
const watch = (message: unknown): void => {
  const { fastify: app } = message as { readonly fastify: FastifyInstance };
  app.addHook('onRoute', ({ method, url }: RouteOptions) => {
    for (const each of [method].flat()) registered.push({ app, method: each, url });
  });
};

let platform: TestPlatform;
let tokens: PlatformTokens;
let crowd: Crowd;
let merged: OpenApiDocument;
const documents = new Map<string, OpenApiDocument>();

beforeAll(async () => {
  newApps.subscribe(watch);
  platform = await startTestPlatform(generousLimits);
  tokens = await readPlatformTokens(platform.keys, platform.urls.api);
  const admin = await registerFirstUser(platform.urls.gateway, await platform.setupCode());
  crowd = createCrowd(platform.urls.gateway, admin);
  for (const service of serviceNames) {
    documents.set(service, await readDocument(`${platform.urls[service]}/openapi.json`));
  }
  merged = await readDocument(`${platform.urls['openapi-server']}/document.json`);
});
afterAll(async () => {
  newApps.unsubscribe(watch);
  await platform?.[Symbol.asyncDispose]();
});

async function readDocument(url: string): Promise<OpenApiDocument> {
  return (await (await fetch(url)).json()) as OpenApiDocument;
}

/** `GET /entries/{}`: names of parameters apart. */
function shapeOf(method: string, path: string): string {
  return `${method} ${path.replaceAll(/\{[^}]*\}/g, '{}')}`;
}

function shapesOf(document: OpenApiDocument | undefined): string[] {
  return [...documentedOf(document ?? { openapi: '', servers: [], paths: {} }).values()].map(({ target }) => {
    const [method = '', path = ''] = target.split(' ');
    return shapeOf(method, path);
  });
}

/** The routes an app registered, in the documents' words; HEAD comes with each GET. */
function routesOf(service: string): string[] {
  const routes = registered.filter(({ app, method }) => app.service.api.service === service && method !== 'HEAD');
  const paths = routes.map(({ method, url }) =>
    shapeOf(
      method,
      url
        .replaceAll('::', '\u0000')
        .replaceAll(/:\w+|\*$/g, '{}')
        .replaceAll('\u0000', ':'),
    ),
  );
  return [...new Set(paths)].filter((path) => !probes.has(path));
}

describe('what is served is what is documented', () => {
  const direct = serviceNames.filter((name) => name !== 'gateway');

  test.each(direct)('%s', (service) => {
    const declared = operations.filter((row) => row.service === service);
    const documented = shapesOf(documents.get(service));
    expect(documents.get(service)?.openapi).toMatch(/^3\.1\./);
    expect(routesOf(service).toSorted()).toEqual(documented.toSorted());
    expect(declared.map(({ operation: { method, path } }) => shapeOf(method, path)).toSorted()).toEqual(
      documented.toSorted(),
    );
  });

  test('gateway: its own, and the merged document’s', () => {
    const isBlocked = (route: string) => /\/(?:livez|readyz|metrics|openapi\.json)$/.test(route);
    const own = shapesOf(documents.get('gateway'));
    const forwarded = routesOf('gateway').filter((route) => !own.includes(route) && !isBlocked(route));
    const elsewhere = shapesOf(documents.get('openapi-gateway'));
    const promised = shapesOf(merged).filter((route) => !own.includes(route) && !elsewhere.includes(route));
    expect(forwarded.toSorted()).toEqual(promised.toSorted());
    expect(routesOf('gateway')).toEqual(expect.arrayContaining(own));
    const open = operations.filter(({ isForwarded }) => isForwarded);
    expect(open.map(({ operation, gatewayPath }) => shapeOf(operation.method, gatewayPath)).toSorted()).toEqual(
      forwarded.toSorted(),
    );
  });

  test('the merged document says what the gateway itself may answer', () => {
    const { GATEWAY_METHOD_NOT_ALLOWED: _noOperation, ...errors } = gatewayErrors;
    const all = Object.entries({ ...errors, RATE_LIMITED: commonErrors.RATE_LIMITED });
    const documented = [...documentedOf(merged).values()].filter(({ target }) => target.includes(' /api/v1/'));
    expect(documented.length).toBeGreaterThan(60);
    const missing = documented.flatMap(({ target, responses }) =>
      all
        .filter(([code, { status }]) => !responses.get(status)?.description.includes(`\`${code}\``))
        .map(([code]) => `${target} ${code}`),
    );
    expect(missing).toEqual([]);
  });

  test('no operationId is used twice', () => {
    for (const document of [...documents.values(), merged]) {
      const ids = [...documentedOf(document).values()].map(({ operationId }) => operationId);
      expect(ids.length).toBeGreaterThan(0);
      expect(new Set(ids).size).toBe(ids.length);
    }
  });
});

/** One who may call the operation: a person wherever a person may. */
async function admittedToken({ service, operation: { access } }: ServiceOperation): Promise<string | undefined> {
  if (access === 'public') return undefined;
  const roles = ofPeople(access === 'authenticated' ? peopleRoles : access.roles);
  return roles.length > 0 ? (await crowd.withRoles(roles)).token : await tokens.service(service);
}

/** What is wrong about the answers to every bad request; empty when all are refused as documented. */
async function faultsAt(
  row: ServiceOperation,
  baseUrl: string,
  path: `/${string}`,
  document: OpenApiDocument | undefined,
  requests: readonly BadRequest[],
): Promise<string[]> {
  const { operation } = row;
  const target = { method: operation.method, path };
  const documented = document && documentedOf(document).get(`${target.method} ${path.replace('{+', '{')}`);
  if (!documented) return [`${path} is not documented`];
  const token = await admittedToken(row);
  const faults: string[] = [];
  for (const { name, parts, codes } of requests) {
    const answer = await ask(baseUrl, target, parts, token);
    const found = [...breachesOf(answer, documented)];
    if (answer.status >= 500) found.push(`${answer.status} ${answer.code}`);
    if (codes && !codes.includes(answer.code ?? '')) found.push(`${answer.status} ${answer.code}, not ${codes[0]}`);
    faults.push(...found.map((fault) => `${name}: ${fault}`));
  }
  return [...faults, ...(await faultsOfTooMuch(operation, baseUrl, path, token, documented))];
}

async function faultsOfTooMuch(
  operation: Operation,
  baseUrl: string,
  path: `/${string}`,
  token: string | undefined,
  { responses }: Documented,
): Promise<string[]> {
  if (!operation.body && !operation.rawBody) return [];
  const { status, code } = await announceTooMuch(baseUrl, operation, path, token);
  const isDocumented = responses.get(status)?.description.includes(`\`${code}\``) ?? false;
  // A stream's first words are judged before its length is.
  const isRefused = operation.rawBody?.mode === 'stream' ? status >= 400 && status < 500 : status === 413;
  return isRefused && isDocumented ? [] : [`too large: ${status} ${code}`];
}

describe('bad input at the service', () => {
  test.each(rows)('%s', async (_name, row) => {
    const { service, operation } = row;
    const requests = badRequestsOf(operation);
    const faults = await faultsAt(row, platform.urls[service], operation.path, documents.get(service), requests);
    expect(faults).toEqual([]);
  });
});

describe('bad input through the gateway', () => {
  test.each(rows.filter(([, { isForwarded }]) => isForwarded))('%s', async (_name, row) => {
    const { gatewayPath, operation } = row;
    // The service behind it judges the JSON: a sample shows that its judgement comes through.
    const requests = badRequestsOf(operation, 5);
    const faults = await faultsAt(row, platform.urls.gateway, gatewayPath as `/${string}`, merged, requests);
    expect(faults).toEqual([]);
  });
});

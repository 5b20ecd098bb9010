import type { Access, Role } from '@lucid/common/apis/api';
import { gatewayFamilies } from '@lucid/common/apis/gateway';
import { serviceNames } from '@lucid/platform/ports';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, ask, exampleRequest } from '../support/ask.ts';
import { type Crowd, createCrowd, ofPeople, peopleRoles } from '../support/crowd.ts';
import { breachesOf, type Documented, documentedOf, type OpenApiDocument } from '../support/documented-answers.ts';
import { operationsOf, readApis, type ServiceOperation } from '../support/every-operation.ts';
import { generousLimits } from '../support/generous.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';
import { type PlatformTokens, readPlatformTokens } from '../support/platform-tokens.ts';
import { registerFirstUser } from '../support/user.ts';

// Every operation of every service, asked by everybody who may and may not call it: at the service, and through the
// gateway. The table is made from the operation tables, so a new route is in it the moment it is declared.

const apis = await readApis();
const operations = operationsOf(apis);
const rows = operations.map((row) => [row.name, row] as const);
const forwarded = rows.filter(([, { isForwarded }]) => isForwarded);
const inside = rows.filter(([, { isForwarded }]) => !isForwarded);

/** It only shows what is public and looks at no token. */
const takesNoTokens = new Set(['openapi-gateway']);

let platform: TestPlatform;
let tokens: PlatformTokens;
let crowd: Crowd;
/** By service, what its own document promises; under `gateway` what the merged one does. */
const documents = new Map<string, ReadonlyMap<string, Documented>>();

beforeAll(async () => {
  platform = await startTestPlatform(generousLimits);
  tokens = await readPlatformTokens(platform.keys, platform.urls.api);
  const admin = await registerFirstUser(platform.urls.gateway, await platform.setupCode());
  crowd = createCrowd(platform.urls.gateway, admin);
  for (const service of serviceNames) {
    documents.set(service, await readDocument(`${platform.urls[service]}/openapi.json`));
  }
  documents.set('merged', await readDocument(`${platform.urls['openapi-server']}/document.json`));
});
afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
});

async function readDocument(url: string): Promise<ReadonlyMap<string, Documented>> {
  return documentedOf((await (await fetch(url)).json()) as OpenApiDocument);
}

/** What a refused caller is answered; a caller who is let in, `admitted`. */
type Verdict = string;

/** Whoever may come to a door, with what the access rule says of them. */
interface Caller {
  readonly name: string;
  readonly token: string | undefined;
  readonly verdict: Verdict;
}

function rolesOf(access: Access): readonly Role[] {
  return typeof access === 'object' ? access.roles : [...peopleRoles, 'service'];
}

/** Those with a token that is none, and with none: the same at every door. */
async function strangers({ service, operation: { access } }: ServiceOperation, audience = service): Promise<Caller[]> {
  const roles = ofPeople(rolesOf(access));
  const person = { roles: roles.length > 0 ? roles : peopleRoles };
  const refused = (code: string) => (takesNoTokens.has(service) ? 'admitted' : code);
  const invalid = refused('401 AUTH_TOKEN_INVALID');
  const expired = refused('401 AUTH_TOKEN_EXPIRED');
  const elsewhere = refused('401 AUTH_AUDIENCE_WRONG');
  const caller = (name: string, token: string | undefined, verdict: Verdict): Caller => ({ name, token, verdict });
  return [
    caller('no token', undefined, access === 'public' ? 'admitted' : '401 AUTH_TOKEN_MISSING'),
    caller('garbage', 'garbage', invalid),
    caller('a forged token', await tokens.user({ ...person, isForged: true }), invalid),
    caller('a forged service token', await tokens.service(audience, { isForged: true }), invalid),
    caller('another issuer', await tokens.user({ ...person, issuer: 'http://elsewhere.test' }), invalid),
    caller('a person who claims to be a service', await tokens.user({ ...person, roles: ['service'] }), invalid),
    caller('a service that claims to be admin', await tokens.service(audience, { roles: ['admin'] }), invalid),
    caller('an expired token', await tokens.user({ ...person, lifeSec: -60 }), expired),
    caller('a token for elsewhere', await tokens.user({ ...person, audience: 'elsewhere' }), elsewhere),
    caller('a service token for another', await tokens.service('another'), elsewhere),
  ];
}

/** Those with a good token: whoever's role is not in the rule is refused, whoever's is, is let in. */
async function members({ operation: { access }, service }: ServiceOperation): Promise<Caller[]> {
  const admitted = rolesOf(access);
  const callers: Caller[] = [];
  for (const role of peopleRoles) {
    const { token } = await crowd.withRoles([role]);
    callers.push({ name: role, token, verdict: admitted.includes(role) ? 'admitted' : '403 AUTH_ROLE_MISSING' });
  }
  const others = peopleRoles.filter((role) => !admitted.includes(role));
  if (others.length > 0) {
    const { token } = await crowd.withRoles(others);
    callers.push({ name: 'every other role at once', token, verdict: '403 AUTH_ROLE_MISSING' });
  }
  const isService = takesNoTokens.has(service) || admitted.includes('service');
  const verdict = isService ? 'admitted' : '403 AUTH_ROLE_MISSING';
  return [...callers, { name: 'service', token: await tokens.service(service), verdict }];
}

const refusals = /^(?:AUTH_TOKEN_\w+|AUTH_AUDIENCE_WRONG|AUTH_ROLE_MISSING|ROUTE_NOT_FOUND|\w+_METHOD_NOT_ALLOWED)$/;

function verdictOn({ status, code }: Answer): Verdict {
  if (status >= 500) return `${status} ${code}`;
  return code !== undefined && refusals.test(code) ? `${status} ${code}` : 'admitted';
}

interface Door {
  readonly baseUrl: string;
  readonly path: `/${string}`;
  readonly document: string;
}

/** Sends every caller to the door; answers who was answered what, and what no document promised. */
async function tryDoor({ operation }: ServiceOperation, door: Door, callers: readonly Caller[]) {
  const target = { method: operation.method, path: door.path };
  const parts = exampleRequest(operation);
  const documented = documents.get(door.document)?.get(`${target.method} ${door.path.replace('{+', '{')}`);
  const verdicts: Record<string, Verdict> = {};
  const breaches: string[] = [];
  for (const { name, token } of callers) {
    const answer = await ask(door.baseUrl, target, parts, token);
    verdicts[name] = verdictOn(answer);
    breaches.push(...(documented ? breachesOf(answer, documented) : [`${door.path} is not documented`]));
  }
  return { verdicts, breaches };
}

function expected(callers: readonly Caller[]) {
  return { verdicts: Object.fromEntries(callers.map(({ name, verdict }) => [name, verdict])), breaches: [] };
}

test('the table covers the nine services', () => {
  expect(apis.map(({ service }) => service).toSorted()).toEqual([...serviceNames].toSorted());
  expect(operations.length).toBeGreaterThan(80);
  expect(forwarded.length).toBeGreaterThan(60);
});

describe('at the service', () => {
  test.each(rows)('%s', async (_name, row) => {
    const callers = [...(await strangers(row)), ...(await members(row))];
    const door = { baseUrl: platform.urls[row.service], path: row.operation.path, document: row.service };
    expect(await tryDoor(row, door, callers)).toEqual(expected(callers));
  });

  test.each(rows.filter(([, { operation }]) => operation.method === 'GET' && operation.access !== 'public'))(
    '%s by HEAD is no way around',
    async (_name, { service, operation }) => {
      const { params = {} } = exampleRequest(operation);
      const head = { method: 'HEAD' as never, path: operation.path };
      expect((await ask(platform.urls[service], head, { params })).status).toBe(401);
    },
  );
});

describe('through the gateway', () => {
  test.each(forwarded)('%s', async (_name, row) => {
    const { access } = row.operation;
    const people = (await members(row)).filter(({ name }) => name !== 'service');
    // The gateway lets in who says to be a service for it; behind it that token is for another.
    const isService = access === 'public' || access === 'authenticated' || access.roles.includes('service');
    const callers: Caller[] = [
      ...(await strangers(row, 'gateway')),
      ...people,
      { name: 'service', token: await tokens.service(row.service), verdict: '401 AUTH_AUDIENCE_WRONG' },
      {
        name: 'service, for the gateway',
        token: await tokens.service('gateway'),
        verdict: isService ? '401 AUTH_AUDIENCE_WRONG' : '403 AUTH_ROLE_MISSING',
      },
    ];
    const path = row.gatewayPath as `/${string}`;
    expect(await tryDoor(row, { baseUrl: platform.urls.gateway, path, document: 'merged' }, callers)).toEqual(
      expected(callers),
    );
  });

  test.each(inside)('%s is not there', async (_name, row) => {
    const callers = [...(await strangers(row, 'gateway')), ...(await members(row))];
    const target = { method: row.operation.method, path: row.gatewayPath as `/${string}` };
    const answers = callers.map(async ({ token }) => {
      const { status, code } = await ask(platform.urls.gateway, target, exampleRequest(row.operation), token);
      return `${status} ${code}`;
    });
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['404 ROUTE_NOT_FOUND']));
  });

  const probes = Object.keys(gatewayFamilies).flatMap((family) =>
    ['/livez', '/readyz', '/metrics', '/openapi.json'].map((path) => `/api/v1/${family}${path}` as const),
  );
  test.each(probes)('the probe %s is not there', async (path) => {
    const found = [undefined, 'garbage', (await crowd.withRoles(peopleRoles)).token, await tokens.service('gateway')];
    for (const token of found) {
      const { status, code } = await ask(platform.urls.gateway, { method: 'GET', path }, {}, token);
      expect(`${status} ${code}`).toBe('404 ROUTE_NOT_FOUND');
    }
  });
});

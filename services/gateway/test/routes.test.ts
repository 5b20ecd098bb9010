import { defineApi, isInternal, type Operation } from '@lucid/common/apis/api';
import { gatewayPath } from '@lucid/common/apis/gateway';
import { assert as holds, property, string, stringMatching } from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseTarget } from '../src/domain/request-target.ts';
import { allowedMethods, compileRoutes, type FamilyApi } from '../src/domain/route-table.ts';
import { familyApis } from '../src/families.ts';
import { openTestGateway, type TestGateway } from './support/gateway.ts';
import { startUpstream, type TestUpstream } from './support/upstream.ts';

const operation = (rest: Partial<Operation> & Pick<Operation, 'path'>): Operation => ({
  method: 'GET',
  summary: 'x',
  access: 'public',
  responses: { 200: { description: 'x' } },
  ...rest,
});

/** An API in which everything that must stay inside stands where a forwarded parameter could match it. */
const trap: FamilyApi = {
  family: 'ledger',
  api: defineApi({
    service: 'ledger',
    title: 'Trap',
    description: 'Trap',
    errors: {},
    operations: {
      getThing: operation({ path: '/{id}' }),
      getRest: operation({ path: '/rest/{+path}' }),
      getHidden: operation({ path: '/hidden', internal: true }),
      getForServices: operation({ path: '/for-services', access: { roles: ['service'] } }),
      getDeep: operation({ path: '/rest/deep/hidden', internal: true }),
      getMixed: operation({ path: '/mixed', access: { roles: ['service', 'operator'] } }),
    },
  }),
};

const everyOperation = familyApis.flatMap(({ family, api }) =>
  Object.entries(api.operations).map(([id, entry]) => [`${family}.${id}`, family, entry] as const),
);

let upstream: TestUpstream;
let gateway: TestGateway;
let trapped: TestGateway;

beforeAll(async () => {
  upstream = await startUpstream();
  gateway = await openTestGateway({ upstreamUrl: upstream.url });
  trapped = await openTestGateway({ upstreamUrl: upstream.url, families: [trap] });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await trapped[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

describe('every operation the services declare', () => {
  test.each(everyOperation)('%s', async (_name, family, { method, path, access, ...rest }) => {
    upstream.received.length = 0;
    const filled = path.replaceAll(/\{\+\w+\}/g, 'a/b').replaceAll(/\{\w+\}/g, 'a');
    const token = await gateway.identity.userToken({
      roles: ['user', 'recorder', 'auditor', 'operator', 'admin'],
    });
    const url = `${gateway.url}${gatewayPath(family, filled)}`;
    const response = await fetch(url, { method, headers: { authorization: `Bearer ${token}` } });
    await response.text();
    const reached = upstream.received.map(({ line }) => line);
    if (isInternal({ method, path, access, ...rest })) {
      expect([response.status, reached]).toEqual([404, []]);
      return;
    }
    expect([response.status, reached]).toEqual([200, [`${method} ${filled}`]]);
    const anonymous = await fetch(url, { method });
    const problem = (await anonymous.json()) as { code?: string };
    if (access === 'public') expect(anonymous.status).toBe(200);
    else expect([anonymous.status, problem.code]).toEqual([401, 'AUTH_TOKEN_MISSING']);
  });
});

describe('what is not forwarded', () => {
  test.each(['/hidden', '/for-services', '/rest/deep/hidden', '/livez', '/readyz', '/metrics', '/openapi.json'])(
    '%s, though a parameter of a forwarded path would match it',
    async (path) => {
      upstream.received.length = 0;
      const operator = await trapped.identity.userToken({ roles: ['operator', 'admin'] });
      const response = await fetch(`${trapped.url}/api/v1/ledger${path}`, {
        headers: { authorization: `Bearer ${operator}` },
      });
      expect(response.status).toBe(404);
      expect(((await response.json()) as { code: string }).code).toBe('ROUTE_NOT_FOUND');
      expect(upstream.received).toEqual([]);
    },
  );

  test.each([
    ['/other', '/other'],
    ['/rest/a/b', '/rest/a/b'],
  ])('while %s is', async (path, reached) => {
    upstream.received.length = 0;
    expect((await fetch(`${trapped.url}/api/v1/ledger${path}`)).status).toBe(200);
    expect(upstream.received.map(({ line }) => line)).toEqual([`GET ${reached}`]);
  });

  test('a person cannot pass for a service, nor a service for another', async () => {
    upstream.received.length = 0;
    const url = `${trapped.url}/api/v1/ledger/mixed`;
    const codeFor = async (token: string) => {
      const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
      return ((await response.json()) as { code?: string }).code;
    };
    expect(await codeFor(await trapped.identity.userToken({ roles: ['user'] }))).toBe('AUTH_ROLE_MISSING');
    expect(await codeFor(await trapped.identity.userToken({ roles: ['service'] }))).toBe('AUTH_TOKEN_INVALID');
    expect(await codeFor(await trapped.identity.serviceToken('vm', 'ledger'))).toBe('AUTH_AUDIENCE_WRONG');
    expect(await codeFor(await trapped.identity.userToken({ roles: ['operator'], lifeSec: -60 }))).toBe(
      'AUTH_TOKEN_EXPIRED',
    );
    expect(upstream.received).toEqual([]);
    expect(await codeFor(await trapped.identity.userToken({ roles: ['operator'] }))).toBeUndefined();
    expect(upstream.received).toHaveLength(1);
  });
});

test('Allow lists what a path takes, and nothing that stays inside', () => {
  const { forwarded, blocked } = compileRoutes([trap]);
  expect(allowedMethods(forwarded, '/api/v1/ledger/x')).toEqual(['GET', 'HEAD']);
  expect(allowedMethods(forwarded, '/api/v1/ledger/rest/a/b')).toEqual(['GET', 'HEAD']);
  expect(allowedMethods(forwarded, '/api/v1/ledger/x/y')).toEqual([]);
  expect(blocked.map(({ path }) => path)).toContain('/api/v1/ledger/hidden');
});

describe('a request target that is taken', () => {
  test('means the same to a reader that decodes it', () => {
    holds(
      property(stringMatching(/^\/[!-~]{0,40}$/), (url) => {
        let target: { readonly path: string; readonly query: string };
        try {
          target = parseTarget(url);
        } catch {
          return;
        }
        const { pathname } = new URL(url, 'http://host');
        expect(target.path).toBe(pathname);
        expect(target.path.split('/')).toHaveLength(decodeURIComponent(target.path).split('/').length);
        expect(decodeURIComponent(target.path)).not.toMatch(/(^|\/)\.{1,2}(\/|$)|[\\;\0]|%[0-9a-f]{2}/i);
        expect(target.path + target.query).toBe(url);
      }),
      { numRuns: 2000 },
    );
  });

  test('whatever comes, the answer is a target or a coded error', () => {
    holds(
      property(string({ unit: 'binary', maxLength: 200 }), (url) => {
        try {
          parseTarget(url);
        } catch (error) {
          expect(error).toMatchObject({ code: 'GATEWAY_REQUEST_AMBIGUOUS' });
        }
      }),
    );
  });
});

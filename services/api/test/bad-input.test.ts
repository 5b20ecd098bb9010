import { randomUUID } from 'node:crypto';
import { identityApi } from '@lucid/common/apis/identity';
import { toUrl } from '@lucid/common/http/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { registerAdmin, startTestApi, type TestApi } from './support/api.ts';

let api: TestApi;
let admin: string;
beforeAll(async () => {
  api = await startTestApi();
  admin = (await registerAdmin(api)).accessToken;
});
afterAll(() => api[Symbol.asyncDispose]());

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** Without it the admin's token is sent. */
  readonly token?: string | null;
}

async function send({ method, path, body, headers = {}, token = admin }: Call) {
  const response = await fetch(api.url + path, {
    method,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return (await response.json()) as { code: string; status: number; errors?: { pointer: string }[] };
}

const json = (body: unknown, path = '/auth/token', method = 'POST'): Call => ({ method, path, body });
const address = `0x${'1'.repeat(40)}`;
const user = { name: 'bob', roles: ['user'], password: 'a good password' };

describe('bad input is answered with the documented code', () => {
  const cases: [string, () => Call, string, string?][] = [
    ['no grant', () => json({}), 'REQUEST_INVALID'],
    ['an unknown grant', () => json({ grantType: 'magic' }), 'REQUEST_INVALID'],
    [
      'a grant without its fields',
      () => json({ grantType: 'password', name: 'ada' }),
      'REQUEST_INVALID',
      '/body/password',
    ],
    [
      "another grant's field",
      () => json({ grantType: 'api_key', apiKey: 'x', name: 'ada' }),
      'REQUEST_INVALID',
      '/body/name',
    ],
    [
      'a wrong type',
      () => json({ grantType: 'password', name: 'ada', password: 1 }),
      'REQUEST_INVALID',
      '/body/password',
    ],
    ['an array as body', () => json([]), 'REQUEST_INVALID'],
    ['a body that is no JSON', () => json('{'), 'REQUEST_BODY_MALFORMED'],
    ['a poisoned prototype', () => json('{"__proto__":{"admin":true}}'), 'REQUEST_BODY_MALFORMED'],
    ['a body too large', () => json({ grantType: 'api_key', apiKey: 'x'.repeat(70_000) }), 'REQUEST_TOO_LARGE'],
    ['a form', () => ({ ...json('a=b'), headers: { 'content-type': 'text/plain' } }), 'MEDIA_TYPE_UNSUPPORTED'],
    ['an unknown API key', () => json({ grantType: 'api_key', apiKey: 'lk_x' }), 'API_KEY_INVALID'],
    [
      'an unknown refresh token',
      () => json({ grantType: 'refresh_token', refreshToken: 'x' }),
      'REFRESH_TOKEN_INVALID',
    ],
    [
      'a short signature',
      () => json({ grantType: 'wallet', message: 'x', signature: '0x00' }),
      'REQUEST_INVALID',
      '/body/signature',
    ],
    [
      'a message of our own',
      () => json({ grantType: 'wallet', message: 'hello', signature: `0x${'1'.repeat(130)}` }),
      'AUTH_MESSAGE_MALFORMED',
    ],
    ['no address', () => json({ address: 'ada' }, '/auth/challenge'), 'REQUEST_INVALID', '/body/address'],
    [
      'an unknown purpose',
      () => json({ address, purpose: 'pay' }, '/auth/challenge'),
      'REQUEST_INVALID',
      '/body/purpose',
    ],
    ['a name in capitals', () => json({ ...user, name: 'Bob' }, '/users'), 'REQUEST_INVALID', '/body/name'],
    ['a name with a line feed', () => json({ ...user, name: 'bob\n' }, '/users'), 'REQUEST_INVALID', '/body/name'],
    ['the role of services', () => json({ ...user, roles: ['service'] }, '/users'), 'REQUEST_INVALID', '/body/roles/0'],
    ['no role', () => json({ ...user, roles: [] }, '/users'), 'REQUEST_INVALID', '/body/roles'],
    ['no credential', () => json({ name: 'bob', roles: ['user'] }, '/users'), 'USER_CREDENTIAL_MISSING'],
    ['a short password', () => json({ ...user, password: 'short' }, '/users'), 'PASSWORD_UNFIT'],
    [
      'a name as password',
      () => json({ ...user, name: 'bobbobbobbob', password: 'BobBobBobBob' }, '/users'),
      'PASSWORD_UNFIT',
    ],
    ['an unknown member', () => json({ ...user, isAdmin: true }, '/users'), 'REQUEST_INVALID', '/body/isAdmin'],
    ['a user id that is none', () => ({ method: 'GET', path: '/users/1' }), 'REQUEST_INVALID', '/params/userId'],
    ['a user who is not', () => ({ method: 'GET', path: `/users/${randomUUID()}` }), 'USER_NOT_FOUND'],
    ['a limit of nothing', () => ({ method: 'GET', path: '/users?limit=0' }), 'REQUEST_INVALID', '/querystring/limit'],
    ['an unknown query', () => ({ method: 'GET', path: '/users?sort=name' }), 'REQUEST_INVALID'],
    ['a cursor of nobody', () => ({ method: 'GET', path: '/users?cursor=abc' }), 'CURSOR_INVALID'],
    [
      'a time that is none',
      () => json({ name: 'k', roles: ['user'], expiresAt: 'soon' }, '/api-keys'),
      'REQUEST_INVALID',
      '/body/expiresAt',
    ],
    ['a hash in capitals', () => ({ method: 'GET', path: `/policies/${'A'.repeat(64)}` }), 'REQUEST_INVALID'],
    ['a wallet not linked', () => ({ method: 'DELETE', path: `/users/me/wallets/${address}` }), 'WALLET_NOT_FOUND'],
    ['an unknown path', () => ({ method: 'GET', path: '/nowhere' }), 'ROUTE_NOT_FOUND'],
    ['another method', () => ({ method: 'PUT', path: '/users/me' }), 'ROUTE_NOT_FOUND'],
    ['a path that does not decode', () => ({ method: 'GET', path: '/users/%ff' }), 'REQUEST_INVALID'],
    [
      'another scheme',
      () => ({ method: 'GET', path: '/users/me', token: null, headers: { authorization: 'Basic YTpi' } }),
      'AUTH_TOKEN_INVALID',
    ],
  ];
  test.each(cases)('%s', async (_name, make, code, pointer) => {
    const problem = await send(make());
    expect(problem).toMatchObject({ code, ...(pointer ? { errors: [{ pointer }] } : {}) });
  });
});

describe('every operation that is not public', () => {
  const operations = Object.entries(identityApi.operations).filter(([, { access }]) => access !== 'public');
  test.each(operations)('%s refuses a caller without a token, and one without a role', async (_id, operation) => {
    const params = { userId: randomUUID(), address, apiKeyId: '0'.repeat(16), policyHash: '0'.repeat(64) };
    const path = toUrl('', operation, { params });
    expect(await send({ method: operation.method, path, token: null })).toMatchObject({ code: 'AUTH_TOKEN_MISSING' });
    if (operation.access === 'authenticated') return;
    const token = await api.serviceToken('vm');
    expect(await send({ method: operation.method, path, token })).toMatchObject({ code: 'AUTH_ROLE_MISSING' });
  });
});

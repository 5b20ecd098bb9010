import type { TokenRequestBody } from '@lucid/common/apis/identity-schemas';
import { AppError } from '@lucid/common/errors';
import { expect, test } from 'vitest';
import { createTokenSource, type Tokens } from '../src/token-source.ts';

let now = Date.parse('2025-01-01T00:00:00.000Z');
const clock = (): number => now;

function tokensNamed(name: string): Tokens {
  const expiresAt = new Date(now + 15 * 60_000).toISOString();
  const refreshToken = `refresh-${name}`;
  return { accessToken: name, tokenType: 'Bearer', expiresAt, refreshToken, subject: 's', roles: ['user'], scopes: [] };
}

/** The server's side: answers each request by counting, and keeps what it was asked. */
function createIdentity(fail?: Error) {
  const asked: TokenRequestBody[] = [];
  const createToken = (input?: { body: TokenRequestBody }): Promise<Tokens> => {
    if (input !== undefined) asked.push(input.body);
    return fail === undefined ? Promise.resolve(tokensNamed(`token-${asked.length}`)) : Promise.reject(fail);
  };
  return { asked, identity: { createToken } };
}

test('a token is used until a minute before its end, then renewed once for all who ask', async () => {
  const { asked, identity } = createIdentity();
  const stored: string[] = [];
  const token = createTokenSource({
    identity,
    tokens: tokensNamed('first'),
    clock,
    onTokens: ({ accessToken }) => void stored.push(accessToken),
  });
  expect(await token()).toBe('first');
  now += 14.5 * 60_000;
  expect(await Promise.all([token(), token(), token()])).toEqual(['token-1', 'token-1', 'token-1']);
  expect(asked).toEqual([{ grantType: 'refresh_token', refreshToken: 'refresh-first' }]);
  expect(stored).toEqual(['token-1']);
  now += 20 * 60_000;
  expect(await token()).toBe('token-2');
  expect(asked[1]).toEqual({ grantType: 'refresh_token', refreshToken: 'refresh-token-1' });
});

test('tokens that could not be stored are not asked for twice: a refresh token is single use', async () => {
  const { asked, identity } = createIdentity();
  let isDiskFull = true;
  const onTokens = (): void => {
    if (isDiskFull) throw new Error('the disk is full');
  };
  const token = createTokenSource({ identity, tokens: tokensNamed('first'), clock, onTokens });
  now += 20 * 60_000;
  await expect(token()).rejects.toThrow('the disk is full');
  await expect(token()).rejects.toThrow('the disk is full');
  isDiskFull = false;
  expect(await token()).toBe('token-1');
  expect(asked).toEqual([{ grantType: 'refresh_token', refreshToken: 'refresh-first' }]);
});

test('signs in with an API key when there is nothing to refresh; nobody without either', async () => {
  const { asked, identity } = createIdentity();
  const grant = { grantType: 'api_key', apiKey: 'lk_1_2' } as const;
  expect(await createTokenSource({ identity, grant, clock })()).toBe('token-1');
  expect(asked).toEqual([grant]);
  expect(await createTokenSource({ identity, clock })()).toBeUndefined();
});

test('a platform that is away does not end a token that still holds; a refusal does', async () => {
  const tokens = tokensNamed('first');
  now += 14.5 * 60_000;
  const away = createIdentity(new AppError('UPSTREAM_UNREACHABLE', 'away', { status: 503 }));
  const token = createTokenSource({ identity: away.identity, tokens, clock });
  expect(await token()).toBe('first');
  now += 60_000;
  await expect(token()).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE' });
  const refusing = createIdentity(new AppError('REFRESH_TOKEN_REUSED', 'no', { status: 401 }));
  const refused = createTokenSource({
    identity: refusing.identity,
    tokens: { ...tokens, expiresAt: new Date(now + 30_000).toISOString() },
    clock,
  });
  await expect(refused()).rejects.toMatchObject({ code: 'REFRESH_TOKEN_REUSED' });
});

import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { createKeySet } from '@lucid/common/http/key-set';
import { createServiceTokenIssuer, createTokenVerifier } from '@lucid/common/http/tokens';
import { exportJWK, type FlattenedJWSInput, type JWTHeaderParameters } from 'jose';
import { describe, expect, test, vi } from 'vitest';
import { createTestIdentity } from '../../../../test/support/identity.ts';

const minuteMs = 60_000;

/** api as its callers meet it: publishes the keys it is given, or is away. */
class KeyServer {
  readonly #published = new Map<string, KeyObject>();
  isAway = false;
  body: string | undefined;
  asked = 0;

  publish(kid: string): void {
    this.#published.set(kid, generateKeyPairSync('ed25519').publicKey);
  }

  withdraw(kid: string): void {
    this.#published.delete(kid);
  }

  fetch = async (): Promise<Response> => {
    this.asked += 1;
    if (this.isAway) throw new TypeError('fetch failed');
    const jwks = [...this.#published].map(async ([kid, key]) => ({ ...(await exportJWK(key)), kid, alg: 'EdDSA' }));
    return new Response(this.body ?? JSON.stringify({ keys: await Promise.all(jwks) }));
  };
}

function openKeySet() {
  const server = new KeyServer();
  server.publish('first');
  let now = 0;
  const find = createKeySet(new URL('http://api.test/jwks'), { fetch: server.fetch, now: () => now });
  const ask = async (kid: string): Promise<string> => {
    const header: JWTHeaderParameters = { alg: 'EdDSA', kid };
    try {
      await find(header, {} as FlattenedJWSInput);
      return 'found';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  return { server, ask, pass: (ms: number) => void (now += ms) };
}

describe('the keys of people\u2019s tokens', () => {
  test('are asked for once, however many wait', async () => {
    const { server, ask } = openKeySet();
    expect(await Promise.all(Array.from({ length: 20 }, () => ask('first')))).toEqual(Array(20).fill('found'));
    expect(server.asked).toBe(1);
  });

  test('a new one is found at once; one nobody has does not make a storm', async () => {
    const { server, ask, pass } = openKeySet();
    await ask('first');
    server.publish('second');
    pass(6000);
    expect(await ask('second')).toBe('found');
    for (let count = 0; count < 50; count += 1) expect(await ask(`made-up-${count}`)).toBe('ERR_JWKS_NO_MATCHING_KEY');
    expect(server.asked).toBe(2);
  });

  test('one that was taken out is not found any more', async () => {
    const { server, ask, pass } = openKeySet();
    await ask('first');
    server.withdraw('first');
    server.publish('second');
    pass(5 * minuteMs + 1);
    await ask('first');
    await new Promise((resolve) => setImmediate(resolve));
    expect(await ask('first')).toBe('ERR_JWKS_NO_MATCHING_KEY');
  });

  test('are used on while api is away, as long as their tokens can live', async () => {
    const { server, ask, pass } = openKeySet();
    await ask('first');
    server.isAway = true;
    pass(14 * minuteMs);
    expect(await ask('first')).toBe('found');
    pass(2 * minuteMs);
    expect(await ask('first')).toBe('DEPENDENCY_UNAVAILABLE');
    server.isAway = false;
    pass(1000);
    expect(await ask('first')).toBe('found');
  });

  test('after a failure nobody waits for the next one', async () => {
    const { server, ask, pass } = openKeySet();
    server.isAway = true;
    for (let count = 0; count < 10; count += 1) expect(await ask('first')).toBe('DEPENDENCY_UNAVAILABLE');
    expect(server.asked).toBe(1);
    pass(1000);
    await ask('first');
    expect(server.asked).toBe(2);
  });

  test.each(['{', '[]', '{"keys":1}', 'null'])(
    'an answer that is no key set (%s) is api\u2019s failure',
    async (body) => {
      const { server, ask } = openKeySet();
      server.body = body;
      expect(await ask('first')).toBe('DEPENDENCY_UNAVAILABLE');
    },
  );
});

describe('verified tokens', () => {
  const identity = createTestIdentity();

  test('a service\u2019s own token is made anew when the clock was set back', async () => {
    const issue = createServiceTokenIssuer(identity.serviceKey, 'sessions');
    const verify = identity.verifier('ledger');
    const token = await issue('ledger');
    expect(await issue('ledger')).toBe(token);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 });
    try {
      await expect(verify(token)).rejects.toMatchObject({ code: 'AUTH_TOKEN_INVALID' });
      expect(await verify(await issue('ledger'))).toMatchObject({ subject: 'sessions' });
    } finally {
      vi.useRealTimers();
    }
  });

  test('are answered at once the second time', async () => {
    const verify = identity.verifier('shelf');
    const token = await identity.userToken();
    const first = verify(token);
    expect(first).toBeInstanceOf(Promise);
    expect(verify(token)).toBeInstanceOf(Promise);
    const known = await first;
    expect(verify(token)).toEqual(known);
  });

  test('a failure is not kept: the token is good once the keys are there', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    let isAway = true;
    const verify = createTokenVerifier({
      service: 'shelf',
      issuer: identity.issuer,
      serviceKey: identity.serviceKey.publicKey,
      userKeys: async () => {
        if (isAway) throw new Error('the store is closed');
        return publicKey;
      },
    });
    const token = await identity.userToken({ key: privateKey });
    await expect(verify(token)).rejects.toMatchObject({ code: 'DEPENDENCY_UNAVAILABLE', status: 503 });
    isAway = false;
    expect(await verify(token)).toMatchObject({ subject: 'user-1' });
  });

  test('no bytes make the verifier fail in another way than to refuse them', async () => {
    const verify = identity.verifier('shelf');
    const [head, body, signature] = (await identity.userToken()).split('.');
    const part = () => randomBytes(Math.floor(Math.random() * 40)).toString('base64url');
    const json = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const tokens = Array.from({ length: 200 }, () => `${part()}.${part()}.${part()}`);
    tokens.push(
      `${head}.${body}.`,
      `${head}.${part()}.${signature}`,
      `${head}..${signature}`,
      `${part()}.${body}.${signature}`,
    );
    tokens.push(
      `${json(null)}.${body}.${signature}`,
      `${head}.${json(null)}.${signature}`,
      `${head}.${json([])}.${signature}`,
    );
    tokens.push(`${json({ alg: 'EdDSA', crit: ['b64'], b64: false })}.${body}.${signature}`);
    tokens.push(`${json({ alg: 'HS256', jwk: {} })}.${body}.${signature}`, `${head}.${json({ iss: {} })}.${signature}`);
    for (const token of tokens)
      await expect(verify(token), token).rejects.toMatchObject({ code: 'AUTH_TOKEN_INVALID' });
  });
});

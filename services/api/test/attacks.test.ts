import { createHmac, createPublicKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { type BaseWallet, Wallet } from 'ethers';
import { decodeJwt, exportJWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWalletUser, registerAdmin, signChallenge, startTestApi, type TestApi } from './support/api.ts';

let api: TestApi;
let admin: string;
let wallet: BaseWallet;
let accessToken: string;
let userId: string;
let kid: string;

beforeAll(async () => {
  api = await startTestApi();
  admin = (await registerAdmin(api)).accessToken;
  const user = await createWalletUser(api, admin, 'victim');
  ({ wallet, userId } = user);
  accessToken = user.tokens.accessToken;
  kid = (await api.anybody.getJwks()).keys[0]?.kid ?? '';
});
afterAll(() => api[Symbol.asyncDispose]());

/** Signs a challenge after changing its text. */
async function forge(change: (message: string) => string, by: BaseWallet = wallet) {
  const { message } = await signChallenge(api, wallet);
  const changed = change(message);
  return { message: changed, signature: await by.signMessage(changed) };
}
const nonceOf = (message: string) => /Nonce: (\w+)/.exec(message)?.[1] ?? '';

describe('signed messages', () => {
  const cases: [string, () => Promise<{ message: string; signature: string }>, string][] = [
    [
      'another domain',
      () => forge((m) => m.replace('127.0.0.1:8082 wants', 'evil.example wants')),
      'AUTH_DOMAIN_WRONG',
    ],
    [
      'another URI',
      () => forge((m) => m.replace('URI: http://127.0.0.1:8082', 'URI: http://evil')),
      'AUTH_DOMAIN_WRONG',
    ],
    ['another chain', () => forge((m) => m.replace('Chain ID: 20251', 'Chain ID: 1')), 'AUTH_CHAIN_ID_WRONG'],
    [
      'an invented nonce',
      () => forge((m) => m.replace(/Nonce: \w+/, `Nonce: ${'a'.repeat(64)}`)),
      'AUTH_CHALLENGE_UNKNOWN',
    ],
    ['a later end', () => forge((m) => m.replace(/Time: 20\d\d/, 'Time: 2999')), 'AUTH_CHALLENGE_UNKNOWN'],
    ['another statement', () => forge((m) => m.replace('costs nothing', 'costs a lot')), 'AUTH_CHALLENGE_UNKNOWN'],
    [
      "another's nonce",
      async () => {
        const other = await signChallenge(api, Wallet.createRandom());
        return await forge((m) => m.replace(nonceOf(m), nonceOf(other.message)));
      },
      'AUTH_CHALLENGE_UNKNOWN',
    ],
    ['another purpose', () => signChallenge(api, wallet, 'link-wallet'), 'AUTH_CHALLENGE_UNKNOWN'],
    ['another wallet', () => forge((m) => m, Wallet.createRandom()), 'AUTH_SIGNATURE_INVALID'],
    ['a line more', () => forge((m) => `${m}\nResources:`), 'AUTH_MESSAGE_MALFORMED'],
    ['a carriage return', () => forge((m) => m.replaceAll('\n', '\r\n')), 'AUTH_MESSAGE_MALFORMED'],
    ['a final line feed', () => forge((m) => `${m}\n`), 'AUTH_MESSAGE_MALFORMED'],
    [
      'a wrong checksum',
      () => forge((m) => m.replace(wallet.address, wallet.address.toLowerCase())),
      'AUTH_MESSAGE_MALFORMED',
    ],
    ['an unknown wallet', () => signChallenge(api, Wallet.createRandom()), 'AUTH_WALLET_UNKNOWN'],
    [
      'a used one',
      async () => {
        const signed = await signChallenge(api, wallet);
        await api.anybody.createToken({ body: { grantType: 'wallet', ...signed } });
        return signed;
      },
      'AUTH_CHALLENGE_REUSED',
    ],
    [
      'a signature of nothing',
      async () => ({ ...(await signChallenge(api, wallet)), signature: `0x${'00'.repeat(65)}` }),
      'AUTH_SIGNATURE_INVALID',
    ],
    [
      'the same signature in its other form (high s)',
      async () => {
        const { message, signature } = await signChallenge(api, wallet);
        const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
        const s = (order - BigInt(`0x${signature.slice(66, 130)}`)).toString(16).padStart(64, '0');
        const v = signature.endsWith('1b') ? '1c' : '1b';
        return { message, signature: `${signature.slice(0, 66)}${s}${v}` };
      },
      'AUTH_SIGNATURE_INVALID',
    ],
  ];
  test.each(cases)('%s', async (_name, make, code) => {
    const body = { grantType: 'wallet', ...(await make()) } as const;
    await expect(api.anybody.createToken({ body })).rejects.toMatchObject({ code });
  });

  test('of two uses of one signature at once, one signs in', async () => {
    const body = { grantType: 'wallet', ...(await signChallenge(api, wallet)) } as const;
    const both = await Promise.allSettled([1, 2, 3].map(() => api.anybody.createToken({ body })));
    expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of both) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'AUTH_CHALLENGE_REUSED' });
    }
  });

  test('a wallet somebody has cannot be linked by another, nor without its signature', async () => {
    const thief = await createWalletUser(api, admin, 'thief');
    const client = api.as(thief.tokens.accessToken);
    const own = await signChallenge(api, wallet, 'link-wallet');
    await expect(client.linkWallet({ body: own })).rejects.toMatchObject({ code: 'WALLET_TAKEN' });
    const signature = await thief.wallet.signMessage(own.message);
    await expect(client.linkWallet({ body: { ...own, signature } })).rejects.toMatchObject({
      code: 'AUTH_SIGNATURE_INVALID',
    });
  });
});

describe('access tokens (RFC 8725)', () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = () => ({ ...decodeJwt(accessToken), role: ['admin'] });
  const signed = async (header: object, key: Parameters<SignJWT['sign']>[0], payload: object = claims()) =>
    await new SignJWT({ ...payload }).setProtectedHeader({ alg: 'EdDSA', kid, ...header }).sign(key);
  const stranger = generateKeyPairSync('ed25519').privateKey;
  const hs256 = (secret: string | Buffer) => {
    const head = `${part({ alg: 'HS256', typ: 'JWT', kid })}.${part(claims())}`;
    return `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`;
  };
  const publicKey = () => createPublicKey(api.signingKey);

  const cases: [string, () => Promise<string> | string, string][] = [
    ['alg none', () => `${part({ alg: 'none', typ: 'JWT', kid })}.${part(claims())}.`, 'AUTH_TOKEN_INVALID'],
    ['alg nOnE', () => `${part({ alg: 'nOnE', kid })}.${part(claims())}.x`, 'AUTH_TOKEN_INVALID'],
    [
      'HS256 keyed with the public PEM',
      () => hs256(publicKey().export({ type: 'spki', format: 'pem' })),
      'AUTH_TOKEN_INVALID',
    ],
    [
      'HS256 keyed with the public bytes',
      () => hs256(publicKey().export({ type: 'spki', format: 'der' })),
      'AUTH_TOKEN_INVALID',
    ],
    ["a stranger's key under our kid", () => signed({}, stranger), 'AUTH_TOKEN_INVALID'],
    [
      'a key in the header',
      async () => await signed({ jwk: await exportJWK(createPublicKey(stranger)) }, stranger),
      'AUTH_TOKEN_INVALID',
    ],
    [
      'a key address in the header',
      () => signed({ jku: 'http://127.0.0.1:1/jwks.json' }, stranger),
      'AUTH_TOKEN_INVALID',
    ],
    ['a kid that is a path', () => signed({ kid: '../../dev/null' }, stranger), 'AUTH_TOKEN_INVALID'],
    ['a kid that is a query', () => signed({ kid: "' OR 1=1 --" }, stranger), 'AUTH_TOKEN_INVALID'],
    [
      'other claims under our signature',
      () => {
        const [head, , signature] = accessToken.split('.');
        return `${head}.${part(claims())}.${signature}`;
      },
      'AUTH_TOKEN_INVALID',
    ],
    ['no signature', () => accessToken.slice(0, accessToken.lastIndexOf('.') + 1), 'AUTH_TOKEN_INVALID'],
    [
      'a critical extension nobody knows',
      () => {
        const head = `${part({ alg: 'EdDSA', kid, crit: ['b65'], b65: true })}.${part(claims())}`;
        return `${head}.${sign(null, Buffer.from(head), api.signingKey).toString('base64url')}`;
      },
      'AUTH_TOKEN_INVALID',
    ],
    [
      'our key, another audience',
      () => signed({}, api.signingKey, { ...claims(), aud: 'elsewhere' }),
      'AUTH_AUDIENCE_WRONG',
    ],
    [
      'our key, another issuer',
      () => signed({}, api.signingKey, { ...claims(), iss: 'http://evil' }),
      'AUTH_TOKEN_INVALID',
    ],
    [
      'a certificate address in the header',
      () => signed({ x5u: 'http://127.0.0.1:1/c' }, stranger),
      'AUTH_TOKEN_INVALID',
    ],
    ['our key, no subject', () => signed({}, api.signingKey, { ...claims(), sub: undefined }), 'AUTH_TOKEN_INVALID'],
    ['our key, no id', () => signed({}, api.signingKey, { ...claims(), jti: undefined }), 'AUTH_TOKEN_INVALID'],
    ['our key, no start', () => signed({}, api.signingKey, { ...claims(), iat: undefined }), 'AUTH_TOKEN_INVALID'],
    ['our key, not yet', () => signed({}, api.signingKey, { ...claims(), nbf: 4_000_000_000 }), 'AUTH_TOKEN_INVALID'],
    [
      'our key, a role twice',
      () => signed({}, api.signingKey, { ...claims(), role: ['admin', 'admin'] }),
      'AUTH_TOKEN_INVALID',
    ],
    [
      'longer than any of ours',
      () => signed({}, api.signingKey, { ...claims(), pad: 'x'.repeat(8000) }),
      'AUTH_TOKEN_INVALID',
    ],
    ['our key, no end', () => signed({}, api.signingKey, { ...claims(), exp: undefined }), 'AUTH_TOKEN_INVALID'],
    ['our key, past', () => signed({}, api.signingKey, { ...claims(), exp: 1_700_000_000 }), 'AUTH_TOKEN_EXPIRED'],
    ['our key, a service', () => signed({}, api.signingKey, { ...claims(), role: ['service'] }), 'AUTH_TOKEN_INVALID'],
    [
      'our key, the services’ issuer',
      () =>
        signed({}, api.signingKey, {
          ...claims(),
          iss: 'lucid-services',
          aud: 'api',
          role: ['service'],
          jti: randomUUID(),
        }),
      'AUTH_TOKEN_INVALID',
    ],
  ];
  test.each(cases)('%s', async (_name, make, code) => {
    await expect(api.as(await make()).listUsers()).rejects.toMatchObject({ code });
  });

  test('a token of the key before this one is taken while the operator keeps that key', async () => {
    const first = await startTestApi();
    const old = (await registerAdmin(first)).accessToken;
    await first[Symbol.asyncDispose]();
    await rename(`${first.folder}/signing`, `${first.folder}/previous`);
    const { privateKey } = generateKeyPairSync('ed25519');
    await writeFile(`${first.folder}/signing`, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const env = { API_PREVIOUS_SIGNING_KEY_FILE: `${first.folder}/previous` };
    const second = await startTestApi({ folder: first.folder, env });
    expect((await second.anybody.getJwks()).keys).toHaveLength(2);
    expect(await second.as(old).getMe()).toMatchObject({ name: 'ada' });
    await second[Symbol.asyncDispose]();
    await using third = await startTestApi({ folder: first.folder });
    await expect(third.as(old).getMe()).rejects.toMatchObject({ code: 'AUTH_TOKEN_INVALID' });
  });
});

describe('roles and ownership', () => {
  test('a missing role, and another user', async () => {
    const client = api.as(accessToken);
    const { userId: adminId } = await api.as(admin).getMe();
    await expect(client.listUsers()).rejects.toMatchObject({ code: 'AUTH_ROLE_MISSING' });
    await expect(client.getUser({ params: { userId: adminId } })).rejects.toMatchObject({
      code: 'OBJECT_OF_ANOTHER_USER',
    });
    await expect(client.getUser({ params: { userId: randomUUID() } })).rejects.toMatchObject({
      code: 'OBJECT_OF_ANOTHER_USER',
    });
    expect((await client.getUser({ params: { userId } })).name).toBe('victim');
    expect((await api.as(await api.serviceToken('sessions')).getUser({ params: { userId } })).name).toBe('victim');
    await expect(api.as(admin).getUser({ params: { userId: randomUUID() } })).rejects.toMatchObject({
      code: 'USER_NOT_FOUND',
    });
  });

  test('API keys: hashed, revocable, no more than their creator, and not able to make themselves at home', async () => {
    const client = api.as(accessToken);
    const created = await client.createApiKey({
      body: { name: 'cam', roles: ['recorder'], scopes: ['sessions:write'] },
    });
    expect(created.apiKey).toMatch(/^lk_[0-9a-f]{16}_[\w-]{43}$/);
    const exchange = (apiKey: string) => api.anybody.createToken({ body: { grantType: 'api_key', apiKey } });
    const tokens = await exchange(created.apiKey);
    expect(tokens).toMatchObject({ subject: userId, roles: ['recorder'], scopes: ['sessions:write'] });
    expect(tokens.refreshToken).toBeUndefined();
    const byKey = api.as(tokens.accessToken);
    for (const call of [
      () => byKey.createApiKey({ body: { name: 'more', roles: ['recorder'] } }),
      () => byKey.updateMe({ body: { password: { next: 'a password of mine' } } }),
      () => byKey.deleteApiKey({ params: { apiKeyId: created.apiKeyId } }),
      () => byKey.unlinkWallet({ params: { address: wallet.address } }),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'AUTH_SCOPE_MISSING' });
    }
    for (const body of [
      { name: 'x', roles: ['admin' as const] },
      { name: 'x', roles: ['user' as const], scopes: ['account:manage'] },
    ]) {
      await expect(client.createApiKey({ body })).rejects.toMatchObject({ code: 'API_KEY_GRANT_EXCEEDED' });
    }
    const thief = await createWalletUser(api, admin, 'keythief');
    await expect(
      api.as(thief.tokens.accessToken).deleteApiKey({ params: { apiKeyId: created.apiKeyId } }),
    ).rejects.toMatchObject({ code: 'OBJECT_OF_ANOTHER_USER' });
    for (const wrong of [`${created.apiKey.slice(0, -1)}_`, `lk_${'0'.repeat(16)}_${'a'.repeat(43)}`, 'lk_', 'x']) {
      await expect(exchange(wrong)).rejects.toMatchObject({ code: 'API_KEY_INVALID' });
    }
    expect((await client.listApiKeys()).items).toEqual([
      expect.not.objectContaining({ apiKey: expect.anything() as unknown }),
    ]);
    await client.deleteApiKey({ params: { apiKeyId: created.apiKeyId } });
    await expect(exchange(created.apiKey)).rejects.toMatchObject({ code: 'API_KEY_INVALID' });
    await expect(client.deleteApiKey({ params: { apiKeyId: created.apiKeyId } })).rejects.toMatchObject({
      code: 'API_KEY_NOT_FOUND',
    });
    const past = await client.createApiKey({
      body: { name: 'old', roles: ['user'], expiresAt: '2020-01-01T00:00:00Z' },
    });
    await expect(exchange(past.apiKey)).rejects.toMatchObject({ code: 'API_KEY_EXPIRED' });
  });

  test('a role the user lost is lost to their keys', async () => {
    const { tokens, userId: id } = await createWalletUser(api, admin, 'demoted', ['user', 'auditor']);
    const { apiKey } = await api
      .as(tokens.accessToken)
      .createApiKey({ body: { name: 'k', roles: ['auditor', 'user'] } });
    await api.as(admin).updateUser({ params: { userId: id }, body: { roles: ['user'] } });
    expect((await api.anybody.createToken({ body: { grantType: 'api_key', apiKey } })).roles).toEqual(['user']);
  });

  test('the last admin stays', async () => {
    const { userId: adminId } = await api.as(admin).getMe();
    const params = { userId: adminId };
    for (const call of [
      () => api.as(admin).updateUser({ params, body: { roles: ['user'] } }),
      () => api.as(admin).updateUser({ params, body: { isDisabled: true } }),
      () => api.as(admin).deleteUser({ params }),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'USER_LAST_ADMIN' });
    }
  });
});

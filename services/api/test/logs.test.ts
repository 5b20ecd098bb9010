import { Wallet } from 'ethers';
import { expect, test } from 'vitest';
import { adminPassword, registerAdmin, signChallenge, startTestApi } from './support/api.ts';

test('no line of the log, at the most talkative level, holds a secret', async () => {
  const lines: string[] = [];
  const secrets: string[] = [adminPassword, 'a wrong password', 'a better password'];
  {
    await using api = await startTestApi({ log: (line) => lines.push(line), env: { API_SIGN_INS_PER_MINUTE: '30' } });
    secrets.push(await api.setupCode());
    const tokens = await registerAdmin(api);
    const client = api.as(tokens.accessToken);
    const { apiKey } = await client.createApiKey({ body: { name: 'k', roles: ['user'] } });
    const wallet = Wallet.createRandom();
    const signed = await signChallenge(api, wallet, 'link-wallet');
    await client.linkWallet({ body: signed });
    const use = (body: Parameters<typeof api.anybody.createToken>[0]) => api.anybody.createToken(body);
    const refreshed = await use({ body: { grantType: 'refresh_token', refreshToken: tokens.refreshToken ?? '' } });
    const byKey = await use({ body: { grantType: 'api_key', apiKey } });
    secrets.push(apiKey, signed.signature, tokens.refreshToken ?? '', refreshed.refreshToken ?? '');
    secrets.push(tokens.accessToken, refreshed.accessToken, byKey.accessToken, await api.serviceToken('sessions'));
    // Refusals and malformed bodies must not repeat what was sent either.
    await use({ body: { grantType: 'password', name: 'ada', password: 'a wrong password' } }).catch(() => undefined);
    await use({ body: { grantType: 'api_key', apiKey: `${apiKey}x` } }).catch(() => undefined);
    await api
      .as(`${tokens.accessToken}x`)
      .getMe()
      .catch(() => undefined);
    await fetch(`${api.url}/auth/token?password=${encodeURIComponent('a better password')}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie: tokens.accessToken },
      body: `{"grantType":"password","password":"a better password",`,
    });
    const password = { current: adminPassword, next: 'a better password' };
    await api.as(refreshed.accessToken).updateMe({ body: { password } });
    for (let count = 0; count < 30; count += 1) await signChallenge(api, wallet).catch(() => undefined);
  }
  expect(lines.length).toBeGreaterThan(20);
  const text = lines.join('\n');
  for (const secret of secrets.filter(Boolean)) {
    expect(text.includes(secret), secret).toBe(false);
    expect(text.includes(encodeURIComponent(secret)), secret).toBe(false);
  }
});

import { createHash, randomUUID } from 'node:crypto';
import type { SessionPolicyDocument } from '@lucid/common/apis/identity-schemas';
import { canonicalJsonText } from '@lucid/common/formats/canonical-json';
import { type BaseWallet, Wallet } from 'ethers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  adminPassword,
  createWalletUser,
  registerAdmin,
  signChallenge,
  signInByWallet,
  startTestApi,
  type TestApi,
} from './support/api.ts';

let api: TestApi;
let admin: string;
beforeAll(async () => {
  api = await startTestApi();
  admin = (await registerAdmin(api)).accessToken;
});
afterAll(() => api[Symbol.asyncDispose]());

describe('users', () => {
  test('an admin creates, lists, changes and deletes', async () => {
    const client = api.as(admin);
    const made = await client.createUser({ body: { name: 'bob', roles: ['user'], password: 'a good password' } });
    expect(made).toMatchObject({ hasPassword: true, wallets: [], isDisabled: false });
    await expect(
      client.createUser({ body: { name: 'bob', roles: ['user'], password: 'a good password' } }),
    ).rejects.toMatchObject({ code: 'USER_NAME_TAKEN' });
    const params = { userId: made.userId };
    const changed = await client.updateUser({ params, body: { roles: ['auditor'], displayName: 'Bob' } });
    expect(changed).toMatchObject({ roles: ['auditor'], displayName: 'Bob' });
    const first = await client.listUsers({ query: { limit: 1 } });
    const second = await client.listUsers({ query: { limit: 1, cursor: first.next ?? '' } });
    expect([...first.items, ...second.items].map(({ name }) => name)).toEqual(['ada', 'bob']);
    await client.deleteUser({ params });
    await expect(client.deleteUser({ params })).rejects.toMatchObject({ code: 'USER_NOT_FOUND' });
  });

  test('a password is changed by who knows the old one, and signs in', async () => {
    await api.as(admin).createUser({ body: { name: 'pat', roles: ['user'], password: 'the old password' } });
    const signIn = (password: string) =>
      api.anybody.createToken({ body: { grantType: 'password', name: 'pat', password } });
    const me = api.as((await signIn('the old password')).accessToken);
    const change = (current: string | undefined, next: string) =>
      me.updateMe({ body: { password: { ...(current === undefined ? {} : { current }), next } } });
    await expect(change(undefined, 'the new password')).rejects.toMatchObject({ code: 'AUTH_CREDENTIALS_WRONG' });
    await expect(change('a wrong password', 'the new password')).rejects.toMatchObject({
      code: 'AUTH_CREDENTIALS_WRONG',
    });
    await expect(change('the old password', 'too short')).rejects.toMatchObject({ code: 'PASSWORD_UNFIT' });
    await expect(change('the old password', 'patpatpatpat')).rejects.toMatchObject({ code: 'PASSWORD_UNFIT' });
    await change('the old password', 'ｔｈｅ new pässword');
    await expect(signIn('the old password')).rejects.toMatchObject({ code: 'AUTH_CREDENTIALS_WRONG' });
    // The same text in another Unicode spelling.
    await signIn('the new pa\u0308ssword');
  });

  test('wallets are linked by their signature and unlinked down to the last credential', async () => {
    const { wallet, tokens } = await createWalletUser(api, admin, 'wanda');
    const second = Wallet.createRandom();
    const body = await signChallenge(api, second, 'link-wallet');
    const linked = await api.as(tokens.accessToken).linkWallet({ body });
    expect(linked.wallets).toEqual([wallet.address, second.address]);
    const me = api.as((await signInByWallet(api, second)).accessToken);
    await me.unlinkWallet({ params: { address: wallet.address.toLowerCase() } });
    await expect(me.unlinkWallet({ params: { address: wallet.address } })).rejects.toMatchObject({
      code: 'WALLET_NOT_FOUND',
    });
    await expect(me.unlinkWallet({ params: { address: second.address } })).rejects.toMatchObject({
      code: 'USER_LAST_CREDENTIAL',
    });
    const password = 'a first password';
    await me.updateMe({ body: { password: { next: password }, displayName: 'Wanda' } });
    const grant = { grantType: 'password', name: 'wanda', password } as const;
    const again = api.as((await api.anybody.createToken({ body: grant })).accessToken);
    await again.unlinkWallet({ params: { address: second.address } });
    expect(await again.getMe()).toMatchObject({ wallets: [], hasPassword: true, displayName: 'Wanda' });
  });
});

describe('policies', () => {
  let wallet: BaseWallet;
  let userId: string;
  let me: ReturnType<TestApi['as']>;
  beforeAll(async () => {
    const user = await createWalletUser(api, admin, 'owner');
    ({ wallet, userId } = user);
    me = api.as(user.tokens.accessToken);
  });

  const policy = (change: Partial<SessionPolicyDocument> = {}): SessionPolicyDocument => ({
    type: 'lucid/policy@1',
    policyId: '7d7a1c9e-6f41-4f0e-9d0a-2f6d3a0a8c11',
    version: 1,
    owner: { subject: userId, address: wallet.address },
    name: 'Support calls',
    defaultDecision: 'deny',
    input: { pointer: 'allow', keyboard: 'ask' },
    clipboard: { toHost: 'deny', toViewer: 'deny', bytesMax: 0 },
    fileTransfer: { toHost: 'deny', toViewer: 'deny', paths: [], overwrite: 'deny' },
    applications: { allowed: ['firefox'], others: 'deny' },
    privacyShield: { hideNotifications: true, blurBackground: false, redactionZones: [] },
    approvalTimeoutMs: 30_000,
    issuedAt: '2026-01-01T00:00:00.000Z',
    expiresAt: null,
    ...change,
  });
  const hashOf = (value: unknown) => createHash('sha256').update(canonicalJsonText(value)).digest('hex');
  const publish = async (value: SessionPolicyDocument, by: BaseWallet = wallet) =>
    await me.createPolicy({
      body: { policy: value, signature: await by.signMessage(`lucid/policy/v1\n${hashOf(value)}`) },
    });

  test('versions are published, found by their hash and listed', async () => {
    const first = await publish(policy());
    expect(first.policyHash).toBe(hashOf(policy()));
    expect(await publish(policy())).toEqual(first);
    await expect(publish(policy({ version: 3 }))).rejects.toMatchObject({
      code: 'POLICY_VERSION_CONFLICT',
      data: { versionNext: 2 },
    });
    await expect(publish(policy({ name: 'Other content' }))).rejects.toMatchObject({ code: 'POLICY_VERSION_CONFLICT' });
    const second = await publish(policy({ version: 2, approvalTimeoutMs: 1000 }));
    const found = await api
      .as(await api.serviceToken('sessions'))
      .getPolicy({ params: { policyHash: second.policyHash } });
    expect(hashOf(found.policy)).toBe(second.policyHash);
    const page = await me.listPolicies({ query: { limit: 1 } });
    expect(page.items).toEqual([first]);
    expect((await me.listPolicies({ query: { cursor: page.next ?? '' } })).items).toEqual([second]);
    expect((await api.as(admin).listPolicies()).items).toEqual([]);
    await expect(me.getPolicy({ params: { policyHash: '0'.repeat(64) } })).rejects.toMatchObject({
      code: 'POLICY_NOT_FOUND',
    });
  });

  test('only the owner, by a linked wallet, over this very content', async () => {
    const policyId = randomUUID();
    const other = Wallet.createRandom();
    await expect(publish(policy({ policyId }), other)).rejects.toMatchObject({ code: 'POLICY_SIGNATURE_INVALID' });
    const owner = { subject: userId, address: other.address };
    await expect(publish(policy({ policyId, owner }), other)).rejects.toMatchObject({ code: 'POLICY_OWNER_WRONG' });
    const foreign = { subject: randomUUID(), address: wallet.address };
    await expect(publish(policy({ policyId, owner: foreign }))).rejects.toMatchObject({ code: 'POLICY_OWNER_WRONG' });
    await expect(publish(policy({ policyId, expiresAt: '2025-01-01T00:00:00.000Z' }))).rejects.toMatchObject({
      code: 'POLICY_INVALID',
    });
    const signature = await wallet.signMessage(`lucid/policy/v1\n${hashOf(policy({ policyId }))}`);
    const changed = policy({ policyId, input: { pointer: 'allow', keyboard: 'allow' } });
    await expect(me.createPolicy({ body: { policy: changed, signature } })).rejects.toMatchObject({
      code: 'POLICY_SIGNATURE_INVALID',
    });
  });

  test('a policy that leaves something open is refused', async () => {
    const { clipboard: _clipboard, ...open } = policy();
    for (const value of [open, policy({ defaultDecision: 'allow' as never })]) {
      await expect(publish(value as SessionPolicyDocument)).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    }
    await expect(publish(policy({ policyId: randomUUID(), name: '\ud800' }))).rejects.toThrow();
    const body = { policy: policy({ policyId: randomUUID(), name: '\ud800' }), signature: `0x${'11'.repeat(65)}` };
    await expect(me.createPolicy({ body })).rejects.toMatchObject({ code: 'POLICY_INVALID' });
  });
});

test('no answer and no stored byte holds a password or a secret', async () => {
  const { readdir, readFile } = await import('node:fs/promises');
  const created = await api.as(admin).createApiKey({ body: { name: 'k', roles: ['user'] } });
  const tokens = await api.anybody.createToken({
    body: { grantType: 'password', name: 'ada', password: adminPassword },
  });
  const folder = `${api.folder}/data/identity`;
  const files = await Promise.all((await readdir(folder)).map((name) => readFile(`${folder}/${name}`, 'latin1')));
  const secrets = [adminPassword, created.apiKey, created.apiKey.slice(20), tokens.refreshToken ?? ''];
  for (const secret of secrets) expect(files.some((text) => text.includes(secret))).toBe(false);
  expect(files.some((text) => text.includes('$argon2id$v=19$m=19456,t=2,p=1$'))).toBe(true);
});

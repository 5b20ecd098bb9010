import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, exampleRequest, type RequestParts } from '../support/ask.ts';
import { createCrowd, type Person } from '../support/crowd.ts';
import { operationsOf, readApis, type ServiceOperation } from '../support/every-operation.ts';
import { generousLimits } from '../support/generous.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';
import { recordSession } from '../support/recorded-session.ts';
import { TestRecorder } from '../support/test-recorder.ts';
import { registerFirstUser } from '../support/user.ts';

// What belongs to one user, asked for by another of the same roles, by every operation that names an object.

/** A path parameter names either an object with an owner, or one that is everybody's. */
type Ownership =
  | { readonly param: string; readonly answer: string; readonly id: () => string }
  | { readonly param: string; readonly shared: string };

const ownerships: Readonly<Record<string, readonly Ownership[]>> = {
  sessions: [{ param: 'sessionId', answer: '404 SESSION_NOT_FOUND', id: () => owned.sessionId }],
  api: [
    { param: 'userId', answer: '403 OBJECT_OF_ANOTHER_USER', id: () => owner.subject },
    { param: 'apiKeyId', answer: '403 OBJECT_OF_ANOTHER_USER', id: () => owned.apiKeyId },
    { param: 'address', answer: '404 WALLET_NOT_FOUND', id: () => owned.wallet },
    { param: 'policyHash', shared: 'whoever has the hash may read what it stands for' },
  ],
  'blockchain-api': [{ param: 'sessionId', shared: 'anchors are public on the chain' }],
  governance: [{ param: 'proposalId', shared: 'votes are public on the chain; a signature is what changes them' }],
  ledger: [
    { param: 'log', shared: 'logs are public, and who may append to them is a role; keys are found by their subject' },
  ],
  vm: [{ param: 'address', shared: 'accounts are public on the chain' }],
};

const operations = operationsOf(await readApis());
const rows = operations
  .filter(({ operation }) => operation.access !== 'public' && /\{/.test(operation.path))
  .map((row) => [row.name, row, ownershipOf(row)] as const);
const owning = rows.flatMap(([name, row, ownership]) =>
  ownership && 'answer' in ownership ? [[name, row, ownership] as const] : [],
);

function ownershipOf({ service, operation: { path } }: ServiceOperation): Ownership | undefined {
  return ownerships[service]?.find(({ param }) => path.includes(`{${param}}`));
}

let platform: TestPlatform;
let owner: Person;
let stranger: Person;
let owned: { sessionId: string; apiKeyId: string; apiKey: string; wallet: string };

beforeAll(async () => {
  platform = await startTestPlatform(generousLimits);
  const admin = await registerFirstUser(platform.urls.gateway, await platform.setupCode());
  const wallet = `0x${randomBytes(20).toString('hex')}`;
  const crowd = createCrowd(platform.urls.gateway, admin);
  owner = await crowd.create(['user', 'recorder'], wallet);
  stranger = await crowd.create(['user', 'recorder']);
  const { sessionId } = await recordSession(owner, [randomBytes(1000)]);
  const key = await owner.client.identity.createApiKey({ body: { name: 'a key', roles: ['user'] } });
  owned = { sessionId, apiKeyId: key.apiKeyId, apiKey: key.apiKey, wallet };
});
afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
});

test('every operation that names an object says whose it is', () => {
  expect(rows.filter(([, , ownership]) => !ownership).map(([name]) => name)).toEqual([]);
  expect(owning.length).toBeGreaterThan(12);
});

/** An admin's operations are refused for the role, before anything is looked for. */
function answerFor({ operation: { access } }: ServiceOperation, answer: string): string {
  const isOpen = typeof access !== 'object' || access.roles.some((role) => role === 'user' || role === 'recorder');
  return isOpen ? answer : '403 AUTH_ROLE_MISSING';
}

/** A chunk whose fields hold together, as only a recorder makes them. */
async function chunkRequest(): Promise<RequestParts> {
  const recorder = await TestRecorder.create();
  const { chunkIndex, content, headers } = await recorder.chunk(owned.sessionId, 0, new Uint8Array(100));
  return { params: { chunkIndex }, headers: { ...headers }, body: content, contentType: 'application/octet-stream' };
}

describe('another user’s object', () => {
  test.each(owning)('%s', async (_name, row, { param, answer, id }) => {
    const parts = row.operationId === 'putChunk' ? await chunkRequest() : exampleRequest(row.operation);
    const request = { ...parts, params: { ...parts.params, [param]: id() } };
    const doors = [
      [platform.urls[row.service], row.operation.path],
      [platform.urls.gateway, row.gatewayPath as `/${string}`],
    ] as const;
    for (const [baseUrl, path] of doors) {
      const target = { method: row.operation.method, path };
      const { status, code } = await ask(baseUrl, target, request, stranger.token);
      expect(`${status} ${code}`).toBe(answerFor(row, answer));
    }
  });
});

describe('what a list shows to another user', () => {
  const lists = operations
    .filter(({ operation }) => operation.method === 'GET' && operation.access !== 'public' && !operation.params)
    .map((row) => [row.name, row] as const);

  test.each(lists)('%s', async (_name, { service, operation }) => {
    const answer = await ask(platform.urls[service], operation, exampleRequest(operation), stranger.token);
    const text = JSON.stringify(answer.body);
    for (const id of [owned.sessionId, owned.apiKeyId, owned.wallet, owner.subject]) expect(text).not.toContain(id);
  });

  test('its owner does see it', async () => {
    const { identity, sessions } = owner.client;
    expect((await sessions.listSessions()).items.map(({ sessionId }) => sessionId)).toEqual([owned.sessionId]);
    expect((await identity.listApiKeys()).items.map(({ apiKeyId }) => apiKeyId)).toEqual([owned.apiKeyId]);
  });
});

test('nothing of it has changed', async () => {
  const { identity, sessions } = owner.client;
  expect(await sessions.getSession({ params: { sessionId: owned.sessionId } })).toMatchObject({ state: 'anchored' });
  const { wallets, isDisabled } = await identity.getMe();
  expect([wallets.map((wallet) => wallet.toLowerCase()), isDisabled]).toEqual([[owned.wallet], false]);
  const body = { grantType: 'api_key', apiKey: owned.apiKey } as const;
  expect((await identity.createToken({ body })).subject).toBe(owner.subject);
});

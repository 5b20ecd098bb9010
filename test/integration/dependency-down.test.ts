import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { waitForState } from '@lucid/client/wait-for-state';
import { parseBase64, parseUtf8 } from '@lucid/common/formats/bytes';
import { sessionIdToBytes32 } from '@lucid/common/formats/ids';
import type { ReadinessReport } from '@lucid/common/http/health';
import { contractAddresses } from '@lucid/contracts/addresses';
import type { ServiceName } from '@lucid/platform/ports';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCrowd, type Person, peopleRoles } from '../support/crowd.ts';
import { TestServices } from '../support/services.ts';
import { TestRecorder } from '../support/test-recorder.ts';
import { registerFirstUser } from '../support/user.ts';

// Each service others lean on is stopped for a while: they say so, refuse at once what they cannot do, keep what they
// were trusted with, and do it once, and once only, when it is back.

const saidWithinMs = 2000;
const answeredWithinMs = 3000;

interface Need {
  readonly service: ServiceName;
  readonly method?: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  /** `503 CODE`, any of them. */
  readonly answers: readonly string[];
}

interface Dependency {
  readonly name: ServiceName;
  /** Whose `/readyz` says it. */
  readonly dependents: readonly ServiceName[];
  readonly needs: readonly Need[];
}

const away = ['503 GATEWAY_UPSTREAM_UNREACHABLE', '503 CIRCUIT_OPEN'];
const unavailable = ['503 DEPENDENCY_UNAVAILABLE'];
const member = `0x${'11'.repeat(20)}`;
const proposal = {
  proposer: member,
  title: 'More',
  actions: [{ type: 'setParam', key: 'maxChunkSize', value: '2097152' }],
};

const dependencies: readonly Dependency[] = [
  {
    name: 'vm',
    dependents: ['blockchain-api'],
    needs: [
      { service: 'blockchain-api', path: '/chain', answers: unavailable },
      { service: 'blockchain-api', path: '/blocks', answers: unavailable },
      { service: 'gateway', path: '/api/v1/chain/chain', answers: unavailable },
      { service: 'gateway', path: '/api/v1/chain/blocks/latest', answers: unavailable },
      { service: 'governance', method: 'POST', path: '/proposals/prepare', body: proposal, answers: unavailable },
    ],
  },
  {
    name: 'ledger',
    dependents: ['sessions', 'vm', 'gateway'],
    needs: [
      { service: 'gateway', path: '/api/v1/ledger/log', answers: away },
      { service: 'gateway', path: '/api/v1/ledger/checkpoint', answers: away },
    ],
  },
  {
    name: 'blockchain-api',
    dependents: ['sessions', 'governance', 'gateway'],
    needs: [
      { service: 'gateway', path: '/api/v1/chain/chain', answers: away },
      { service: 'governance', method: 'POST', path: '/proposals/prepare', body: proposal, answers: unavailable },
    ],
  },
  {
    name: 'api',
    dependents: ['gateway'],
    needs: [
      { service: 'gateway', path: '/api/v1/identity/users/me', answers: away },
      { service: 'gateway', path: '/api/v1/identity/.well-known/jwks.json', answers: away },
    ],
  },
];

let services: TestServices;
let user: Person;
const sealed: string[] = [];

beforeAll(async () => {
  services = await TestServices.start();
  const setupCode = (await readFile(services.setupCodePath, 'utf8')).trim();
  const admin = await registerFirstUser(services.urls.gateway, setupCode);
  user = await createCrowd(services.urls.gateway, admin).create(peopleRoles);
});
afterAll(async () => {
  await services?.[Symbol.asyncDispose]();
});

/** The checks that fail at a service. */
async function failingAt(name: ServiceName): Promise<string[]> {
  const response = await fetch(`${services.urls[name]}/readyz`, { signal: AbortSignal.timeout(saidWithinMs) });
  const { checks } = (await response.json()) as ReadinessReport;
  const failing = Object.entries(checks).flatMap(([check, { ok }]) => (ok ? [] : [check]));
  expect(response.status).toBe(failing.length > 0 ? 503 : 200);
  return failing;
}

/** Asks until the service says what is missing, or the time it has for that is over. */
async function expectSaid(name: ServiceName, missing: string): Promise<void> {
  const until = performance.now() + saidWithinMs;
  let failing: string[];
  do failing = await failingAt(name);
  while (!failing.includes(missing) && performance.now() < until);
  expect([name, failing]).toEqual([name, [missing]]);
}

async function expectRefused({ service, method = 'GET', path, body, answers }: Need): Promise<void> {
  const response = await fetch(services.urls[service] + path, {
    method,
    headers: {
      authorization: `Bearer ${user.token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: body === undefined ? null : JSON.stringify(body),
    signal: AbortSignal.timeout(answeredWithinMs),
  });
  const { code, detail } = (await response.json()) as { code: string; detail: string };
  expect(answers, detail).toContain(`${response.status} ${code}`);
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
}

/** Opens, records and seals a session as the smallest recorder would. */
async function sealSession(): Promise<string> {
  const { sessions } = user.client;
  const recorder = await TestRecorder.create();
  const { sessionId } = await sessions.createSession({ body: recorder.newSession() });
  const params = { sessionId };
  await sessions.joinSession({ params, body: await recorder.join(sessionId, user.subject) });
  const chunk = await recorder.chunk(sessionId, 0, randomBytes(1000));
  const headers = chunk.headers;
  await sessions.putChunk({ params: { ...params, chunkIndex: 0 }, headers, rawBody: chunk.content });
  const view = await sessions.getSession({ params });
  await sessions.sealSession({ params, body: await recorder.seal(recorder.manifest(view, [chunk])) });
  return sessionId;
}

/** Whoever comes to the place of the service is let in and never answered. */
async function listenInSilence(url: string): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.on('error', () => undefined)));
  await once(server.listen(Number(new URL(url).port), '127.0.0.1'), 'listening');
  return {
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe.each(dependencies)('while $name is away', ({ name, dependents, needs }) => {
  let sessionId: string;

  beforeAll(async () => {
    await services.stop(name);
  });

  test('those that need it say so', async () => {
    await Promise.all(dependents.map((dependent) => expectSaid(dependent, name)));
    await expect(fetch(`${services.urls[name]}/livez`)).rejects.toThrow();
  });

  test('what needs it is refused at once, with when to come again', async () => {
    for (const need of [...needs, ...needs, ...needs]) await expectRefused(need);
  });

  test('a session is recorded and sealed all the same', async () => {
    sessionId = await sealSession();
    sealed.push(sessionId);
  });

  test('a silence in its place is said as well', async () => {
    await using _silence = await listenInSilence(services.urls[name]);
    for (const dependent of dependents) await expectSaid(dependent, name);
  });

  test('once it is back all are ready, and the session is anchored', async () => {
    await services.start(name);
    await services.waitReady();
    await waitForState(user.client.sessions, sessionId, 'anchored', { timeoutMs: 30_000 });
  });
});

describe('a service that starts while api is away', () => {
  test('takes no token it cannot check, and does once api is back', async () => {
    await services.stop('api');
    await services.stop('sessions');
    await services.start('sessions');
    const need = { service: 'sessions', path: '/sessions', answers: unavailable } as const;
    await expectRefused(need);
    await services.start('api');
    await services.waitReady();
    expect((await user.client.sessions.listSessions()).items).toHaveLength(sealed.length);
  });
});

test.each(['vm', 'ledger', 'blockchain-api'] as const)('%s comes and goes while sessions are sealed', async (name) => {
  const sealing = Array.fromAsync({ length: 3 }, sealSession);
  for (let round = 0; round < 2; round += 1) {
    await services.stop(name);
    await services.start(name);
  }
  const sessionIds = await sealing;
  sealed.push(...sessionIds);
  await services.waitReady();
  const { sessions } = user.client;
  await Promise.all(
    sessionIds.map((sessionId) => waitForState(sessions, sessionId, 'anchored', { timeoutMs: 30_000 })),
  );
});

describe('in the end', () => {
  test('nothing waits for the ledger any more', async () => {
    const waiting = async () => (await chainStatus()).ledgerOutbox;
    await expect.poll(waiting, { timeout: 30_000 }).toMatchObject({ pending: 0, parked: 0 });
  });

  test('the ledger has one seal of each session', async () => {
    const seals = (await readLedger()).flatMap(({ type, sessionId }) =>
      type === 'lucid/seal@1' ? [sessionId ?? ''] : [],
    );
    expect(seals.toSorted()).toEqual(sealed.toSorted());
  });

  test('the ledger has one entry of each block', async () => {
    const { blockNumber } = (await chainStatus()).head;
    const blocks = (await readLedger()).flatMap(({ type, number = -1 }) => (type === 'lucid/block@1' ? [number] : []));
    expect(blocks.toSorted((a, b) => a - b)).toEqual(Array.from({ length: blockNumber + 1 }, (_, number) => number));
  });

  test('the chain has one registration of each session', async () => {
    const ids = sealed.map(sessionIdToBytes32);
    const filter = {
      address: contractAddresses.LucidAnchors,
      fromBlock: '0x0',
      toBlock: 'latest',
      topics: [null, ids],
    };
    const body = { jsonrpc: '2.0', id: 1, method: 'eth_getLogs', params: [filter] } as const;
    const { result } = (await user.client.chain.rpc({ body })) as { result: { topics: string[] }[] };
    expect(result.map(({ topics }) => topics[1]).toSorted()).toEqual(ids.toSorted());
  });
});

interface ChainStatus {
  readonly head: { readonly blockNumber: number };
  readonly ledgerOutbox: { readonly pending: number; readonly parked: number };
}

async function chainStatus(): Promise<ChainStatus> {
  const headers = { authorization: `Bearer ${user.token}` };
  return (await (await fetch(`${services.urls.vm}/status`, { headers })).json()) as ChainStatus;
}

/** Of the ledger's own entries. */
interface Entry {
  readonly type: string;
  readonly sessionId?: string;
  readonly number?: number;
}

async function readLedger(): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let cursor: string | undefined; ; ) {
    const query = { limit: 200, ...(cursor === undefined ? {} : { cursor }) };
    const { items, next } = await user.client.ledger.listEntries({ query });
    entries.push(...items.map(({ entry }) => JSON.parse(parseUtf8(parseBase64(entry))) as Entry));
    if (next === undefined) return entries;
    cursor = next;
  }
}

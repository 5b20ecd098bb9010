import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ledgerApi } from '@lucid/common/apis/ledger';
import { sessionsApi } from '@lucid/common/apis/sessions';
import { encodeLogPolicy, parsePolicy } from '@lucid/common/formats/policy';
import { parseProofBundle } from '@lucid/common/formats/proof-bundle';
import { verifyProofBytes } from '@lucid/common/formats/verify-proof';
import { createClient } from '@lucid/common/http/client';
import { loadConfig } from '@lucid/common/runtime/config';
import { createLogger } from '@lucid/common/runtime/logger';
import { type RunningService, startService } from '@lucid/common/runtime/run';
import { contractAddresses } from '@lucid/contracts/addresses';
import { configSchema as ledgerSchema } from '@lucid/ledger/config';
import { openLedger } from '@lucid/ledger/open';
import { configSchema as sessionsSchema } from '@lucid/sessions/config';
import { openSessions } from '@lucid/sessions/open';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openTestChain, startTestBlockchainApi, type TestChain } from '../support/chain.ts';
import { createTestIdentity } from '../support/identity.ts';
import { type SessionView, type TestChunk, TestRecorder } from '../support/test-recorder.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const identity = createTestIdentity();
const governedChunkBytes = 2 * 1024 * 1024;

/** A service that can be stopped and started again at the same address. */
class Restartable {
  readonly #name: string;
  readonly #start: (port: number) => Promise<RunningService>;
  #running: RunningService | undefined;
  #port = 0;

  constructor(name: string, start: (port: number) => Promise<RunningService>) {
    this.#name = name;
    this.#start = start;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    if (this.#running) throw new Error(`${this.#name} runs`);
    this.#running = await this.#start(this.#port);
    this.#port = Number(new URL(this.#running.url).port);
  }

  async stop(): Promise<void> {
    await this.#running?.[Symbol.asyncDispose]();
    this.#running = undefined;
  }
}

const stack = new AsyncDisposableStack();
let chain: TestChain;
let ledger: Restartable;
let chainFace: RunningService;
let sessions: Restartable;
let verifierKey: string;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lucid-sessions-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const env = await baseEnvironment(folder);
  ledger = new Restartable('ledger', (port) => {
    return startService({ name: 'ledger', open: openLedger }, { ...loadConfig(ledgerSchema, env), port }, { logger });
  });
  stack.defer(() => ledger.stop());
  await ledger.start();
  verifierKey = (await createClient(ledgerApi, { baseUrl: ledger.url }).getLogKey()).verifierKey;
  const genesis = { params: { maxChunkSize: governedChunkBytes } };
  chain = stack.use(await openTestChain({ identity, genesis, env: { LEDGER_URL: ledger.url } }));
  chainFace = stack.use(await startTestBlockchainApi(chain));
  const sessionsEnv = {
    ...env,
    LEDGER_URL: ledger.url,
    BLOCKCHAIN_API_URL: chainFace.url,
    SESSIONS_PARAM_POLL_MS: '50',
  };
  sessions = new Restartable('sessions', (port) => {
    const config = { ...loadConfig(sessionsSchema, sessionsEnv), port };
    return startService({ name: 'sessions', open: openSessions }, config, { logger });
  });
  stack.defer(() => sessions.stop());
  await sessions.start();
}, 60_000);
afterAll(async () => {
  await stack.disposeAsync();
});

async function baseEnvironment(folder: string): Promise<Record<string, string>> {
  const jwks = stack.use(await identity.serveJwks());
  const keys = {
    'service.key': identity.serviceKey.privateKey,
    'ledger.key': generateKeyPairSync('ed25519').privateKey,
  };
  for (const [name, key] of Object.entries(keys)) {
    await writeFile(join(folder, name), key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  }
  return {
    TOKEN_ISSUER: identity.issuer,
    API_JWKS_URL: jwks.url,
    SERVICE_KEY_FILE: join(folder, 'service.key'),
    LEDGER_KEY_FILE: join(folder, 'ledger.key'),
    LEDGER_DATA_DIR: join(folder, 'ledger'),
    SESSIONS_DATA_DIR: join(folder, 'sessions'),
  };
}

const newClient = () => createClient(sessionsApi, { baseUrl: sessions.url, token: () => identity.userToken() });

async function recordSession(
  count: number,
): Promise<{ view: SessionView; recorder: TestRecorder; chunks: TestChunk[] }> {
  const client = newClient();
  const recorder = await TestRecorder.create();
  const { sessionId } = await client.createSession({ body: recorder.newSession({ labels: ['integration'] }) });
  const view = await client.joinSession({ params: { sessionId }, body: await recorder.join(sessionId, 'user-1') });
  const chunks = await recorder.chunks(sessionId, count, 10_000);
  for (const { chunkIndex, headers, content } of chunks) {
    await client.putChunk({ params: { sessionId, chunkIndex }, headers, rawBody: content });
  }
  return { view, recorder, chunks };
}

async function reached(sessionId: string, state: SessionView['state']): Promise<SessionView> {
  return await vi.waitFor(
    async () => {
      const view = await newClient().getSession({ params: { sessionId } });
      expect(view.state).toBe(state);
      return view;
    },
    { timeout: 60_000, interval: 20 },
  );
}

async function download(sessionId: string, query: { chunks?: string; require?: 'anchor' } = {}): Promise<Uint8Array> {
  const response = await newClient().getBundle({ params: { sessionId }, query });
  expect(response.headers.get('content-type')).toContain('application/vnd.lucid.proof+json');
  return new Uint8Array(await response.arrayBuffer());
}

const verify = async (bundle: Uint8Array, requireAnchor: boolean) => {
  const anchorContract = contractAddresses.LucidAnchors.toLowerCase();
  const trust = { policy: parsePolicy(encodeLogPolicy(verifierKey)), anchorContract };
  return await verifyProofBytes(bundle, { trust, requireAnchor });
};

async function countSeals(sessionId: string): Promise<number> {
  const { entries } = await readEntries();
  return entries.filter((entry) => entry.includes('lucid/seal@1') && entry.includes(sessionId)).length;
}

async function readEntries(): Promise<{ entries: string[] }> {
  const client = createClient(ledgerApi, { baseUrl: ledger.url });
  const entries: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const answer = await client.listEntries({ query: { limit: 200, ...(cursor === undefined ? {} : { cursor }) } });
    entries.push(...answer.items.map(({ entry }) => Buffer.from(entry, 'base64').toString('utf8')));
    if (answer.next === undefined) return { entries };
    cursor = answer.next;
  }
}

test('a sealed session is written to the ledger, anchored on the chain, and proven offline', async () => {
  const { view, recorder, chunks } = await recordSession(7);
  const { sessionId } = view;
  const manifest = recorder.manifest(view, chunks);
  await newClient().sealSession({ params: { sessionId }, body: await recorder.seal(manifest) });
  const anchored = await reached(sessionId, 'anchored');
  expect(anchored.anchor?.blockNumber).toBeGreaterThan(0);
  expect(anchored.problem).toBeUndefined();
  const bundle = await download(sessionId, { chunks: '5,0,5', require: 'anchor' });
  const report = await verify(bundle, true);
  expect(report.steps.filter(({ ok }) => !ok)).toEqual([]);
  expect(report).toMatchObject({ ok: true, anchor: { manifestHash: anchored.seal?.manifestHash, chunkCount: 7 } });
  expect(parseProofBundle(bundle).chunks).toHaveLength(2);
  expect(await countSeals(sessionId)).toBe(1);
});

test('the chunk limit of the chain is obeyed', async () => {
  const client = newClient();
  await vi.waitFor(
    async () => {
      const { view, recorder } = await recordSession(0);
      const params = { sessionId: view.sessionId, chunkIndex: 0 };
      const plainSize = governedChunkBytes + 1;
      const { headers, content } = await recorder.chunk(view.sessionId, 0, new Uint8Array(100), { plainSize });
      await expect(client.putChunk({ params, headers, rawBody: content })).rejects.toMatchObject({
        code: 'SESSION_CHUNK_TOO_LARGE',
        data: { plainBytesMax: governedChunkBytes },
      });
    },
    { timeout: 20_000, interval: 50 },
  );
});

test('with the ledger and the chain away nothing is lost and nothing happens twice', async () => {
  const { view, recorder, chunks } = await recordSession(3);
  const { sessionId } = view;
  await ledger.stop();
  await chain.stopVm();
  const body = await recorder.seal(recorder.manifest(view, chunks));
  await newClient().sealSession({ params: { sessionId }, body });
  await vi.waitFor(
    async () => {
      const waiting = await newClient().getSession({ params: { sessionId } });
      expect(waiting).toMatchObject({ state: 'sealing', problem: { code: 'UPSTREAM_UNREACHABLE' } });
    },
    { timeout: 10_000, interval: 20 },
  );
  const ready = await fetch(`${sessions.url}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({ checks: { ledger: { ok: false }, store: { ok: true } } });

  await sessions.stop();
  await sessions.start();
  await ledger.start();
  const sealed = await reached(sessionId, 'sealed');
  expect(sealed.problem?.code).not.toBe('UPSTREAM_UNREACHABLE');
  const early = await download(sessionId);
  expect(parseProofBundle(early).anchor).toBeNull();
  expect((await verify(early, false)).ok).toBe(true);
  await expect(download(sessionId, { require: 'anchor' })).rejects.toMatchObject({ code: 'SESSION_NOT_ANCHORED' });

  await chain.startVm();
  await reached(sessionId, 'anchored');
  expect((await verify(await download(sessionId), true)).ok).toBe(true);
  expect(await countSeals(sessionId)).toBe(1);
});

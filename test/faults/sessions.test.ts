import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { sessionsApi } from '@lucid/common/apis/sessions';
import { type Client, createClient } from '@lucid/common/http/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { at } from '../support/at.ts';
import { createTestIdentity, type JwksServer } from '../support/identity.ts';
import { type SessionView, type TestChunk, TestRecorder } from '../support/test-recorder.ts';

const kills = 12;
const chunkCount = 600;
const chunkBytes = 48 * 1024;
const callers = 8;

const main = fileURLToPath(new URL('../../services/sessions/src/main.ts', import.meta.url));
const identity = createTestIdentity();
let folder: string;
let jwks: JwksServer;
let running: SessionsProcess;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lucid-sessions-crash-'));
  jwks = await identity.serveJwks();
  const key = identity.serviceKey.privateKey.export({ type: 'pkcs8', format: 'pem' });
  await writeFile(join(folder, 'service.key'), key, { mode: 0o600 });
});
afterAll(async () => {
  await running.kill();
  await jwks[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

interface SessionsProcess {
  readonly client: Client<typeof sessionsApi.operations>;
  kill(): Promise<void>;
}

/** The service in a process of its own, as in production; ledger and chain are away. */
async function startProcess(): Promise<SessionsProcess> {
  const nowhere = 'http://127.0.0.1:9';
  const child = spawn(process.execPath, ['--conditions=source', '--no-warnings', main], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      SESSIONS_PORT: '0',
      SESSIONS_DATA_DIR: join(folder, 'data'),
      SERVICE_KEY_FILE: join(folder, 'service.key'),
      TOKEN_ISSUER: identity.issuer,
      API_JWKS_URL: jwks.url,
      LEDGER_URL: nowhere,
      BLOCKCHAIN_API_URL: nowhere,
    },
  });
  const baseUrl = await readUrl(child);
  return {
    client: createClient(sessionsApi, { baseUrl, token: () => identity.userToken(), attemptsMax: 1 }),
    kill: async () => {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

/** The address the service logs once it listens. Its output is read on, so that it never fills its pipe. */
async function readUrl(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('the child has no output');
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { url } = JSON.parse(line) as { url?: string };
    if (url !== undefined) resolve(url);
  });
  child.once('exit', () => reject(new Error('the service did not start')));
  return await promise;
}

/** Uploads what is left, several at once, until all is there or the process is gone. Adds what was acknowledged. */
async function upload(
  { client }: SessionsProcess,
  sessionId: string,
  chunks: readonly TestChunk[],
  acknowledged: Set<number>,
): Promise<void> {
  const { chunks: progress } = await client.getSession({ params: { sessionId } });
  let next = progress.durableSeq + 1;
  const work = async () => {
    for (let index = next++; index < chunks.length; index = next++) {
      const { headers, content } = at(chunks, index);
      await client.putChunk({ params: { sessionId, chunkIndex: index }, headers, rawBody: content });
      acknowledged.add(index);
    }
  };
  await Promise.allSettled(Array.from({ length: callers }, work));
}

/** Everything acknowledged is there, whole, and nothing else is on the disk. */
async function expectNothingLost(
  { client }: SessionsProcess,
  sessionId: string,
  chunks: readonly TestChunk[],
  acknowledged: ReadonlySet<number>,
): Promise<void> {
  expect(await readdir(join(folder, 'data', 'content', 'incoming'))).toEqual([]);
  const stored: number[] = [];
  for (let cursor: string | undefined; ; ) {
    const query = { limit: 200, ...(cursor === undefined ? {} : { cursor }) };
    const page = await client.listChunks({ params: { sessionId }, query });
    for (const item of page.items) {
      stored.push(item.chunkIndex);
      expect(item.header).toBe(Buffer.from(at(chunks, item.chunkIndex).header).toString('hex'));
    }
    if (page.next === undefined) break;
    cursor = page.next;
  }
  expect([...acknowledged].filter((index) => !stored.includes(index))).toEqual([]);
  const files = await readdir(join(folder, 'data', 'content', 'blobs', sessionId)).catch(() => []);
  expect(files.map((file) => Number.parseInt(file, 10)).toSorted((a, b) => a - b)).toEqual(stored);
}

test(`kill -9 at ${kills} random moments of an upload loses nothing acknowledged`, async () => {
  const recorder = await TestRecorder.create();
  const acknowledged = new Set<number>();
  running = await startProcess();
  const { sessionId } = await running.client.createSession({ body: recorder.newSession() });
  const body = await recorder.join(sessionId, 'user-1');
  const session: SessionView = await running.client.joinSession({ params: { sessionId }, body });
  const chunks = await recorder.chunks(sessionId, chunkCount, chunkBytes);

  for (let round = 0; round < kills; round++) {
    const uploading = upload(running, sessionId, chunks, acknowledged);
    // The moment is drawn by how much was acknowledged, so that it falls into the work on any machine.
    const until = acknowledged.size + randomInt(1, Math.floor(chunkCount / kills));
    await expect.poll(() => acknowledged.size, { interval: 1, timeout: 60_000 }).toBeGreaterThanOrEqual(until);
    await running.kill();
    await uploading;
    running = await startProcess();
    await expectNothingLost(running, sessionId, chunks, acknowledged);
  }

  await upload(running, sessionId, chunks, acknowledged);
  await expectNothingLost(running, sessionId, chunks, acknowledged);
  const { chunks: progress } = await running.client.getSession({ params: { sessionId } });
  expect(progress).toMatchObject({ durableSeq: chunkCount - 1, storedCount: chunkCount });
  for (const index of [0, randomInt(chunkCount), chunkCount - 1]) {
    const content = await (await running.client.getChunk({ params: { sessionId, chunkIndex: index } })).bytes();
    const digest = createHash('sha256').update(content).digest('base64');
    expect(at(chunks, index).headers['content-digest']).toBe(`sha-256=:${digest}:`);
  }
  const manifest = recorder.manifest(session, chunks);
  const sealed = await running.client.sealSession({ params: { sessionId }, body: await recorder.seal(manifest) });
  expect(sealed.seal?.merkleRoot).toBe(manifest.merkleRoot);
  await running.kill();
  running = await startProcess();
  expect((await running.client.getSession({ params: { sessionId } })).state).toBe('sealing');
});

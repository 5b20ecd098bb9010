import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { at } from '../support/at.ts';
import { createTestIdentity } from '../support/identity.ts';
import { type CutTally, cutAgainAndAgain, sumTallies } from '../support/power-cut-rounds.ts';
import { SessionsProcess, type SessionsProcessOptions } from '../support/sessions-process.ts';
import { type TestChunk, TestRecorder } from '../support/test-recorder.ts';

// As the ledger's power cuts, of the sessions service: every session it took and every chunk it acknowledged is there,
// whole, whatever the disk kept of its store and of its folders of ciphertext.

const cutCount = 30;
/** Two services side by side: a round is mostly the start of a process. */
const serviceCount = 2;
const linesMax = 300;
const chunkCount = 60;
const callerCount = 4;

/** What the service acknowledged of a session: that it was made, perhaps that it was joined, and these chunks. */
type Recorded = { readonly sessionId: string; isJoined: boolean; readonly acknowledged: Map<number, TestChunk> };

let recorder: TestRecorder;

beforeAll(async () => {
  recorder = await TestRecorder.create();
});

/** Opens a session and uploads into it until the service ends; adds what was acknowledged. */
async function record({ client }: SessionsProcess, recorded: Recorded[]): Promise<void> {
  const { sessionId } = await client.createSession({ body: recorder.newSession() });
  const acknowledged = new Map<number, TestChunk>();
  const session: Recorded = { sessionId, isJoined: false, acknowledged };
  recorded.push(session);
  await client.joinSession({ params: { sessionId }, body: await recorder.join(sessionId, 'user-1') });
  session.isJoined = true;
  const chunks = await recorder.chunks(sessionId, chunkCount, 2048);
  let next = 0;
  const upload = async (): Promise<void> => {
    for (let index = next++; index < chunks.length; index = next++) {
      const chunk = at(chunks, index);
      const { headers, content } = chunk;
      await client.putChunk({ params: { sessionId, chunkIndex: index }, headers, rawBody: content });
      acknowledged.set(index, chunk);
    }
  };
  await Promise.all(Array.from({ length: callerCount }, upload));
}

async function requireAll({ client }: SessionsProcess, recorded: readonly Recorded[]): Promise<void> {
  for (const { sessionId, isJoined, acknowledged } of recorded) {
    const { state } = await client.getSession({ params: { sessionId } });
    // Where the cut came between the two answers, the join may or may not have been kept.
    expect(isJoined ? ['recording'] : ['created', 'recording']).toContain(state);
    for (const [chunkIndex, { headers }] of acknowledged) {
      const content = await (await client.getChunk({ params: { sessionId, chunkIndex } })).bytes();
      const digest = createHash('sha256').update(content).digest('base64');
      expect(headers['content-digest']).toBe(`sha-256=:${digest}:`);
    }
  }
}

async function cutService(options: SessionsProcessOptions, seed: number): Promise<CutTally & { chunks: number }> {
  const root = join(options.folder, 'disk');
  await mkdir(root);
  const recorded: Recorded[] = [];
  const tally = await cutAgainAndAgain({
    root,
    cutCount: cutCount / serviceCount,
    linesMax,
    seed,
    work: async (environment) => {
      await using service = await SessionsProcess.start({ ...options, environment });
      // A round is over when the service is: one that has nothing left to take is given another session.
      while (service.isReady && !service.hasEnded) await record(service, recorded).catch(() => undefined);
      return service.isReady;
    },
  });
  await using service = await SessionsProcess.start(options);
  await requireAll(service, recorded);
  return { ...tally, chunks: recorded.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0) };
}

test(`after ${cutCount} power cuts no session and no chunk that was acknowledged is lost`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lucid-sessions-cut-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => await rm(folder, { recursive: true, force: true }));
  const identity = createTestIdentity();
  const jwks = stack.use(await identity.serveJwks());
  const tallies = await Promise.all(
    Array.from({ length: serviceCount }, async (_, index) => {
      const own = await mkdtemp(join(folder, 'service-'));
      return await cutService({ folder: own, dataDir: join(own, 'disk', 'data'), identity, jwks }, index);
    }),
  );
  for (const { chunks } of tallies) expect(chunks).toBeGreaterThan(cutCount);
  const tally = sumTallies(tallies);
  expect(tally.bytes).toBeGreaterThan(0);
  expect(tally.names).toBeGreaterThan(0);
  expect(tally.unready).toBeGreaterThan(0);
});

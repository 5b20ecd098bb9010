import { randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Journal } from '@lucid/client/recorder/journal';
import { planRecording } from '@lucid/client/recorder/plan-recording';
import { recordStream } from '@lucid/client/recorder/record';
import { sealRecording } from '@lucid/client/recorder/seal-recording';
import { verifyBundle } from '@lucid/client/verify';
import { waitForState } from '@lucid/client/wait-for-state';
import { expect, test } from 'vitest';
import { PlatformProcess } from '../support/platform-process.ts';
import { readTrustPolicy, registerFirstUser, type User } from '../support/user.ts';

// The platform's process is killed (SIGKILL) again and again while a recorder streams into it, then while the session
// is sealed and anchored. Whatever was acknowledged must be there after each start, and the bundle must verify.

const killsWhileRecording = 20;
const killsWhileSealing = 3;
const chunkBytes = 64 * 1024;
const patience = { giveUpAfterMs: 120_000 };

/** Gives a part whenever it is asked, until told to stop. */
async function* endlessSource(isDone: () => boolean): AsyncGenerator<Uint8Array> {
  while (!isDone()) {
    yield randomBytes(chunkBytes);
    await delay(10);
  }
}

/** Where in its life the process is killed: one time in four while it starts, else as it becomes ready or under load. */
type Moment = 'starting' | 'ready' | 'loaded';

function drawMoment(): Moment {
  return (['starting', 'ready', 'loaded', 'loaded'] as const)[randomInt(4)] ?? 'loaded';
}

async function storedCount({ client }: User, sessionId: string): Promise<number> {
  const { chunks } = await client.sessions.getSession({ params: { sessionId } });
  expect(chunks.durableSeq + 1).toBeLessThanOrEqual(chunks.storedCount);
  return chunks.storedCount;
}

test(`killed ${killsWhileRecording + killsWhileSealing} times, nothing acknowledged is lost and the bundle verifies`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lucid-killed-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => await rm(folder, { recursive: true, force: true }));
  const platform = stack.use(await PlatformProcess.create(join(folder, 'platform')));
  platform.start();
  await platform.waitReady();
  const user = await registerFirstUser(platform.urls.gateway, await platform.setupCode());
  const { sessions } = user.client;
  const plan = await planRecording({ policyHash: '0'.repeat(64), retention: { retainForSec: 60 } });
  const journal = stack.use(await Journal.create(join(folder, 'journal'), plan));

  let isDone = false;
  let acknowledged = 0;
  const recording = recordStream(
    endlessSource(() => isDone),
    {
      ...patience,
      sessions,
      journal,
      chunkBytes,
      pendingMax: 8,
      uploadTimeoutMs: 5000,
      onProgress: ({ acknowledgedCount }) => {
        acknowledged = acknowledgedCount;
      },
    },
  );
  let grew = 0;
  for (let kill = 0; kill < killsWhileRecording; kill += 1) {
    const before = acknowledged;
    const moment = drawMoment();
    if (moment === 'starting') await delay(randomInt(1500));
    else {
      await platform.waitReady();
      if (journal.session) expect(await storedCount(user, journal.session.sessionId)).toBeGreaterThanOrEqual(before);
      await delay(randomInt(moment === 'ready' ? 50 : 800));
    }
    await platform.end('SIGKILL');
    if (acknowledged > before) grew += 1;
    platform.start();
  }
  isDone = true;
  await recording;
  expect(grew).toBeGreaterThan(killsWhileRecording / 5);

  const sealing = sealRecording({ ...patience, sessions, journal });
  for (let kill = 0; kill < killsWhileSealing; kill += 1) {
    await delay(randomInt(400));
    await platform.end('SIGKILL');
    platform.start();
    await platform.waitReady();
  }
  const { sessionId } = await sealing;
  await waitForState(sessions, sessionId, 'anchored', { timeoutMs: 30_000 });
  expect(await storedCount(user, sessionId)).toBe(journal.chunkCount);

  const response = await sessions.getBundle({ params: { sessionId }, query: { chunks: '0', require: 'anchor' } });
  const bundle = new Uint8Array(await response.arrayBuffer());
  const policy = await readTrustPolicy(user.client);
  await platform.end('SIGTERM');
  const report = await verifyBundle(bundle, { policy, requireAnchor: true });
  expect(report.steps.filter(({ ok }) => !ok)).toEqual([]);
  expect(report.ok).toBe(true);
});

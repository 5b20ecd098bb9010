import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Seal } from '@lucid/common/apis/sessions-schemas';
import { parseHex, toHex } from '@lucid/common/formats/bytes';
import { parseChunkHeader } from '@lucid/common/formats/chunk';
import { createEd25519Seed, openEd25519Signer } from '@lucid/common/formats/ed25519';
import { encodeManifest, type Manifest, signManifest } from '@lucid/common/formats/manifest';
import { type ProofBundle, parseProofBundle } from '@lucid/common/formats/proof-bundle';
import type { Static } from 'typebox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SessionsClient } from '../src/lucid-client.ts';
import { readSession } from '../src/read-session.ts';
import { createRecipientKey, openSecret, type RecipientKey } from '../src/recipients.ts';
import { Journal } from '../src/recorder/journal.ts';
import { type PlanOptions, planRecording } from '../src/recorder/plan-recording.ts';
import { type RecordOptions, recordStream } from '../src/recorder/record.ts';
import type { Session } from '../src/recorder/recording.ts';
import { sealRecording } from '../src/recorder/seal-recording.ts';
import { verifyBundle } from '../src/verify.ts';
import { waitForState } from '../src/wait-for-state.ts';
import { startTestPlatform, type TestPlatform } from './platform.ts';
import { sourceFrom } from './recorded-source.ts';

const CHUNK = 64 * 1024;
const KILLED_SIZE = 10 * CHUNK + 5;
const SIZE = 20 * CHUNK + 777;
let platform: TestPlatform;
let reader: RecipientKey;
let journals = 0;

beforeAll(async () => {
  platform = await startTestPlatform();
  reader = await createRecipientKey();
});
afterAll(() => platform[Symbol.asyncDispose]());

async function startJournal(options: Partial<PlanOptions> = {}): Promise<Journal> {
  const recipients = [reader.publicKey];
  const plan = { policyHash: '11'.repeat(32), retention: { retainForSec: 0 }, recipients, ...options };
  return await Journal.create(join(platform.folder, `journal-${journals++}`), await planRecording(plan));
}

async function startJournalAt(startedAt: number): Promise<Journal> {
  const plan = await planRecording({ policyHash: '11'.repeat(32), retention: { retainForSec: 0 } });
  const recipients = [reader.publicKey];
  return await Journal.create(join(platform.folder, `journal-${journals++}`), { ...plan, recipients, startedAt });
}

function record(journal: Journal, size: number, options: Partial<RecordOptions> = {}): Promise<void> {
  const { sessions } = platform.client;
  return recordStream(sourceFrom(journal.plainBytes, size), { sessions, journal, chunkBytes: CHUNK, ...options });
}

/** Seals, downloads the bundle, verifies it offline and reads the content back as the recipient. */
async function sealAndRead(journal: Journal): Promise<{ content: Buffer; bundle: ProofBundle }> {
  const { sessions } = platform.client;
  const { sessionId } = await sealRecording({ sessions, journal });
  await waitForState(sessions, sessionId, 'sealed', { timeoutMs: 10_000 });
  const response = await sessions.getBundle({ params: { sessionId }, query: { chunks: '0' } });
  const bytes = new Uint8Array(await response.arrayBuffer());
  expect(await verifyBundle(bytes, { policy: await platform.policy() })).toMatchObject({ ok: true });
  const bundle = parseProofBundle(bytes);
  const secret = await openSecret(bundle.manifest, reader);
  return {
    content: Buffer.concat(await Array.fromAsync(readSession({ sessions, manifest: bundle.manifest, secret }))),
    bundle,
  };
}

async function expected(size: number): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(sourceFrom(0, size)));
}

describe('a recording', () => {
  test('is sealed, verified offline, and read back by its recipient', async () => {
    const participant = await openEd25519Signer(createEd25519Seed());
    const participants = [{ signingKey: toHex(participant.publicKey), encryptionKey: reader.publicKey }];
    await using journal = await startJournal({ participants, recipients: [], labels: ['nightly'] });
    const progress: number[] = [];
    await record(journal, SIZE, { onProgress: ({ acknowledgedCount }) => progress.push(acknowledgedCount) });
    expect(progress.at(-1)).toBe(21);
    expect(journal.pending).toEqual([]);
    const { content, bundle } = await sealAndRead(journal);
    expect(content.equals(await expected(SIZE))).toBe(true);
    expect(bundle.manifest).toMatchObject({ chunkCount: 21, plainBytes: SIZE, labels: ['nightly'], participants });
    expect(bundle.anchor).toBeNull();
  });

  test('the same seal again is the same, and a signature of a participant goes with it', async () => {
    const participant = await openEd25519Signer(createEd25519Seed());
    await using journal = await startJournal({ participants: [{ signingKey: toHex(participant.publicKey) }] });
    await record(journal, 10);
    const { sessions } = platform.client;
    const first = await sealRecording({ sessions, journal, participants: [participant] });
    const second = await sealRecording({ sessions, journal, participants: [participant] });
    expect(second.seal?.manifestHash).toBe(first.seal?.manifestHash);
    const { bundle } = await sealAndRead(journal);
    expect(bundle.signatures.participants).toHaveLength(1);
  });

  test('nothing is sealed that is empty', async () => {
    await using journal = await startJournal();
    const sealing = sealRecording({ sessions: platform.client.sessions, journal });
    await expect(sealing).rejects.toMatchObject({ code: 'RECORDING_EMPTY' });
  });

  test('a recorder told to stop stops, and goes on later', async () => {
    await using journal = await startJournal();
    const stop = new AbortController();
    const onProgress = (): void => stop.abort(new Error('enough'));
    await expect(record(journal, SIZE, { signal: stop.signal, onProgress })).rejects.toThrow();
    expect(journal.chunkCount).toBe(1);
    await record(journal, SIZE);
    expect((await sealAndRead(journal)).content.equals(await expected(SIZE))).toBe(true);
  });
});

describe('a platform that cannot be trusted', () => {
  /** The real platform, but for what it answers of a session. */
  function lyingAbout(lie: (session: Session) => Session): SessionsClient {
    const { sessions } = platform.client;
    const getSession: SessionsClient['getSession'] = async (...input) => lie(await sessions.getSession(...input));
    return { ...sessions, getSession };
  }

  test.each<[string, Partial<Session>]>([
    ['participants', { participants: [{ signingKey: '22'.repeat(32), encryptionKey: '33'.repeat(32) }] }],
    ['policyHash', { policyHash: '44'.repeat(32) }],
    ['recorderKey', { recorderKey: '55'.repeat(32) }],
    ['retention', { retention: { retainForSec: 0, deleteAfterSec: 1 } }],
    ['labels', { labels: ['public'] }],
    ['ownerAddress', { ownerAddress: `0x${'66'.repeat(20)}` }],
    ['ownerId', { ownerId: 'somebody-else' }],
    ['sessionId', { sessionId: '0c8b1f8e-4a52-4d6b-9f3e-2a1b3c4d5e6f' }],
  ])('gets nothing recorded, and no secret, by another %s', async (field, lie) => {
    await using journal = await startJournal();
    const sessions = lyingAbout((session) => ({ ...session, ...lie }));
    const recording = record(journal, CHUNK, { sessions });
    await expect(recording).rejects.toMatchObject({ code: 'SESSION_NOT_AS_PLANNED', data: { field } });
    expect([journal.chunkCount, journal.session]).toEqual([0, undefined]);
  });
});

describe('a clock that is wrong', () => {
  const HOUR_MS = 3_600_000;

  test('and ahead of the platform\u2019s is told before anything is recorded', async () => {
    await using journal = await startJournalAt(Date.now() + HOUR_MS);
    await expect(record(journal, CHUNK)).rejects.toMatchObject({ code: 'RECORDER_CLOCK_AHEAD' });
    expect(journal.chunkCount).toBe(0);
  });

  test('and jumps back is not obeyed: no chunk is of before the one before it', async () => {
    const startedAt = Date.now() + 300_000;
    await using journal = await startJournalAt(startedAt);
    await record(journal, 2 * CHUNK);
    expect(journal.headers.map((header) => parseChunkHeader(header).capturedAt)).toEqual([startedAt, startedAt]);
    const { manifest } = (await sealAndRead(journal)).bundle;
    expect([manifest.startedAt, manifest.endedAt].map((time) => Date.parse(time))).toEqual([startedAt, startedAt]);
  });

  test('is refused by the platform, when the recorder claims an end in the future', async () => {
    await using journal = await startJournal();
    await record(journal, CHUNK);
    const { sessions } = platform.client;
    const sealSession: SessionsClient['sealSession'] = async (input) => {
      const { params, body } = input as { params: { sessionId: string }; body: Static<typeof Seal> };
      const manifest = { ...(body.manifest as Manifest), endedAt: new Date(Date.now() + HOUR_MS).toISOString() };
      const signer = await openEd25519Signer(parseHex(journal.plan.recorderSeed, 32));
      const recorderSignature = await signManifest(encodeManifest(manifest), signer);
      return await sessions.sealSession({ params, body: { ...body, manifest, recorderSignature } });
    };
    const sealing = sealRecording({ sessions: { sealSession }, journal });
    await expect(sealing).rejects.toMatchObject({ code: 'SESSION_MANIFEST_MISMATCH', data: { field: 'endedAt' } });
  });
});

describe('when the platform goes away', () => {
  test('the recorder goes on cutting, sends what is pending when it is back, and nothing is lost', async () => {
    await using journal = await startJournal();
    await record(journal, CHUNK);
    await platform.stopSessions();
    let restarted: Promise<void> | undefined;
    const onRetry = (): void => {
      if (journal.chunkCount > 5) restarted ??= platform.startSessions();
    };
    await record(journal, SIZE, { onRetry });
    await restarted;
    expect((await sealAndRead(journal)).content.equals(await expected(SIZE))).toBe(true);
  });

  test('the source waits once as many chunks are pending as may be, and a recorder told to give up does', async () => {
    await using journal = await startJournal();
    await record(journal, CHUNK);
    await platform.stopSessions();
    const giving = record(journal, SIZE, { pendingMax: 3, giveUpAfterMs: 300 });
    await expect(giving).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE' });
    expect(journal.pending).toHaveLength(3);
    const sealing = sealRecording({ sessions: platform.client.sessions, journal });
    await expect(sealing).rejects.toMatchObject({ code: 'RECORDING_INCOMPLETE' });
    await platform.startSessions();
    await record(journal, SIZE);
    expect(journal.chunkCount).toBe(21);
  });

  test('a refusal for good ends a recording whose source stands still', async () => {
    await using journal = await startJournal();
    await record(journal, CHUNK);
    const { sessions } = platform.client;
    // Sealed by a copy, which this journal knows nothing of.
    const folder = join(platform.folder, `journal-${journals - 1}`);
    await cp(folder, `${folder}-copy`, { recursive: true, filter: (path) => !path.includes('lock_') });
    await using copy = await Journal.open(`${folder}-copy`);
    await sealRecording({ sessions, journal: copy });
    async function* still(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(CHUNK);
      await new Promise(() => undefined);
    }
    const recording = recordStream(still(), { sessions, journal, chunkBytes: CHUNK });
    await expect(recording).rejects.toMatchObject({ code: 'SESSION_STATE_INVALID' });
    await expect(record(copy, SIZE)).rejects.toMatchObject({ code: 'RECORDING_SEALED' });
  });
});

describe('when the recorder is killed', () => {
  const script = fileURLToPath(new URL('recorder-process.ts', import.meta.url));
  type Recorder = ChildProcessByStdio<null, Readable, Readable>;

  function startRecorder(folder: string): Recorder {
    const { sessionsUrl, token } = platform;
    const args = ['--conditions=source', '--no-warnings', script, folder, sessionsUrl, token, String(KILLED_SIZE)];
    return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** Lets it write `lines` lines, then kills it; false when it was done before. */
  async function killAfter(recorder: Recorder, lines: number): Promise<boolean> {
    let seen = 0;
    let text = '';
    recorder.stdout.on('data', (data: Buffer) => {
      text += data.toString();
      seen = text.split('\n').length - 1;
      if (seen >= lines) recorder.kill('SIGKILL');
    });
    let failure = '';
    recorder.stderr.on('data', (data: Buffer) => (failure += data.toString()));
    const [code, signal] = (await once(recorder, 'close')) as [number | null, string | null];
    if (code !== 0 && signal !== 'SIGKILL') throw new Error(`the recorder failed: ${failure}`);
    return signal === 'SIGKILL';
  }

  test('at any moment, the next one goes on from the journal and the content is whole', async () => {
    const journal = await startJournal();
    const folder = join(platform.folder, `journal-${journals - 1}`);
    await journal[Symbol.asyncDispose]();
    let kills = 0;
    for (let round = 0; await killAfter(startRecorder(folder), 1 + ((round * 5) % 9)); round++) kills++;
    expect(kills).toBeGreaterThan(3);
    await using finished = await Journal.open(folder);
    expect([finished.pending, finished.plainBytes]).toEqual([[], KILLED_SIZE]);
    expect((await sealAndRead(finished)).content.equals(await expected(KILLED_SIZE))).toBe(true);
  });
});

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSession } from '@lucid/client/read-session';
import { Journal } from '@lucid/client/recorder/journal';
import { planRecording } from '@lucid/client/recorder/plan-recording';
import { recordStream } from '@lucid/client/recorder/record';
import { sealRecording } from '@lucid/client/recorder/seal-recording';
import { verifyBundle } from '@lucid/client/verify';
import { waitForState } from '@lucid/client/wait-for-state';
import { parseHex, toHex } from '@lucid/common/formats/bytes';
import { encodeProofBundle, type ProofBundle, parseProofBundle } from '@lucid/common/formats/proof-bundle';
import { sha256 } from '@lucid/common/formats/sha256';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';
import { readTrustPolicy, registerFirstUser, type User } from '../support/user.ts';

// The main job on the whole platform: record, seal, anchor, export; then, with the platform off, verify.

interface Recorded {
  readonly sessionId: string;
  readonly bundle: Uint8Array;
  readonly chunk: Uint8Array<ArrayBuffer>;
  readonly recoveredDigest: string;
}

const content = [randomBytes(700_000), Buffer.alloc(900_000, 'a line of a log\n')];
const stack = new AsyncDisposableStack();
let platform: TestPlatform;
let user: User;
let policy: string;
let first: Recorded;
let second: Recorded;

beforeAll(async () => {
  platform = await startTestPlatform();
  stack.defer(async () => await platform[Symbol.asyncDispose]());
  user = await registerFirstUser(platform.urls.gateway, await platform.setupCode());
  policy = await readTrustPolicy(user.client);
  first = await record(content);
  second = await record([randomBytes(200_000)]);
  await platform[Symbol.asyncDispose]();
});
afterAll(async () => {
  await stack.disposeAsync();
});

async function* streamOf(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

/** Records, seals, waits for the anchor, and takes away what an auditor would: bundle, a chunk, the content. */
async function record(parts: readonly Uint8Array[]): Promise<Recorded> {
  const { sessions } = user.client;
  const folder = await mkdtemp(join(tmpdir(), 'lucid-journal-'));
  stack.defer(async () => await rm(folder, { recursive: true }));
  const plan = await planRecording({ policyHash: '0'.repeat(64), retention: { retainForSec: 3600 } });
  await using journal = await Journal.create(folder, plan);
  await recordStream(streamOf(parts), { sessions, journal, chunkBytes: 256 * 1024 });
  const { sessionId } = await sealRecording({ sessions, journal });
  await waitForState(sessions, sessionId, 'anchored');
  const response = await sessions.getBundle({ params: { sessionId }, query: { chunks: '0', require: 'anchor' } });
  const bundle = new Uint8Array(await response.arrayBuffer());
  const download = await sessions.getChunk({ params: { sessionId, chunkIndex: 0 } });
  const recovered: Uint8Array[] = [];
  const { manifest } = parseProofBundle(bundle);
  for await (const plain of readSession({ sessions, manifest, secret: parseHex(plan.secret, 32) }))
    recovered.push(plain);
  return {
    sessionId,
    bundle,
    chunk: new Uint8Array(await download.arrayBuffer()),
    recoveredDigest: toHex(sha256(Buffer.concat(recovered))),
  };
}

/** The first step that failed. */
async function refusalOf(
  bundle: ProofBundle | Uint8Array,
  chunk?: Uint8Array<ArrayBuffer>,
): Promise<string | undefined> {
  const bytes = bundle instanceof Uint8Array ? bundle : encodeProofBundle(bundle);
  const options = { policy, requireAnchor: true, ...(chunk ? { chunk: { chunkIndex: 0, bytes: chunk } } : {}) };
  const report = await verifyBundle(bytes, options);
  return report.steps.find(({ ok }) => !ok)?.code;
}

describe('with the platform off', () => {
  test('nothing answers any more', async () => {
    await expect(fetch(`${platform.urls.gateway}/livez`)).rejects.toThrow();
  });

  test('the content came back as it was recorded', () => {
    expect(first.recoveredDigest).toBe(toHex(sha256(Buffer.concat(content))));
  });

  test('the bundle and a downloaded chunk verify', async () => {
    const report = await verifyBundle(first.bundle, {
      policy,
      requireAnchor: true,
      chunk: { chunkIndex: 0, bytes: first.chunk },
    });
    expect(report.steps.filter(({ ok }) => !ok)).toEqual([]);
    expect(report.ok).toBe(true);
    expect(report.steps.length).toBeGreaterThan(8);
  });

  test('a chunk of another session is refused', async () => {
    expect(await refusalOf(first.bundle, second.chunk)).toBeDefined();
  });

  test('another session’s seal, anchor or chunks under this manifest are refused', async () => {
    const [ours, others] = [parseProofBundle(first.bundle), parseProofBundle(second.bundle)];
    expect(await refusalOf({ ...ours, seal: others.seal })).toBeDefined();
    expect(await refusalOf({ ...ours, anchor: others.anchor })).toBeDefined();
    expect(await refusalOf({ ...ours, chunks: others.chunks })).toBeDefined();
    expect(await refusalOf({ ...ours, signatures: others.signatures })).toBeDefined();
  });

  test('a shorter session is refused', async () => {
    const bundle = parseProofBundle(first.bundle);
    const manifest = { ...bundle.manifest, chunkCount: bundle.manifest.chunkCount - 1 };
    expect(await refusalOf({ ...bundle, manifest })).toBeDefined();
  });

  test('another log’s key is not trusted', async () => {
    const stranger = policy.replace(/[A-Za-z0-9+/]{20,}={0,2}/, (key) => `${key.slice(0, -6)}AAAAA=`);
    expect(stranger).not.toBe(policy);
    const verdict = verifyBundle(first.bundle, { policy: stranger }).then(
      ({ ok }) => ok,
      () => false,
    );
    expect(await verdict).toBe(false);
  });
});

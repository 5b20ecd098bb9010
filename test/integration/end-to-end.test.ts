import { randomBytes } from 'node:crypto';
import { verifyBundle } from '@lucid/client/verify';
import { encodeProofBundle, type ProofBundle, parseProofBundle } from '@lucid/common/formats/proof-bundle';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';
import { type RecordedSession, recordSession } from '../support/recorded-session.ts';
import { readTrustPolicy, registerFirstUser, type User } from '../support/user.ts';

// The main job on the whole platform: record, seal, anchor, export; then, with the platform off, verify.

const content = [randomBytes(700_000), Buffer.alloc(900_000, 'a line of a log\n')];
const stack = new AsyncDisposableStack();
let platform: TestPlatform;
let user: User;
let policy: string;
let first: RecordedSession;
let second: RecordedSession;

beforeAll(async () => {
  platform = await startTestPlatform();
  stack.defer(async () => await platform[Symbol.asyncDispose]());
  user = await registerFirstUser(platform.urls.gateway, await platform.setupCode());
  policy = await readTrustPolicy(user.client);
  first = await recordSession(user, content);
  second = await recordSession(user, [randomBytes(200_000)]);
  await platform[Symbol.asyncDispose]();
});
afterAll(async () => {
  await stack.disposeAsync();
});

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
    expect(Buffer.concat(content).equals(first.content)).toBe(true);
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

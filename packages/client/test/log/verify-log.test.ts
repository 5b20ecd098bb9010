import { execFileSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openEd25519Signer } from '@lucid/common/formats/ed25519';
import { createCosigner, encodeVerifierKey } from '@lucid/common/formats/note';
import { parsePolicy } from '@lucid/common/formats/policy';
import { describe, expect, test } from 'vitest';
import { createFolderSource } from '../../src/log/folder-source.ts';
import { createHttpSource } from '../../src/log/http-source.ts';
import { encodeLogProgress, type LogProgress, parseLogProgress } from '../../src/log/log-progress.ts';
import { listPartialPaths } from '../../src/log/log-steps.ts';
import { type VerifyLogOptions, verifyLog } from '../../src/log/verify-log.ts';
import { createStaticLog, type StaticLog, sourceOf, testEntries, writeStaticLog } from './static-log.ts';

const entries = testEntries(66_000);

/** The log's files with one changed: bytes, or undefined for none. */
function changed(log: StaticLog, path: string, change: (bytes: Uint8Array) => Uint8Array | undefined): StaticLog {
  const files = new Map(log.files);
  const bytes = files.get(path);
  if (!bytes) throw new Error(`the log has no ${path}`);
  const after = change(bytes.slice());
  if (after) files.set(path, after);
  else files.delete(path);
  return { ...log, files, source: sourceOf(files) };
}

const flip = (at: number) => (bytes: Uint8Array) => bytes.with(at, (bytes[at] as number) ^ 1) as Uint8Array;

function verify(log: StaticLog, options: Partial<VerifyLogOptions> = {}) {
  return verifyLog({ source: log.source, policy: log.policy, ...options });
}

async function codesOf(log: StaticLog, options: Partial<VerifyLogOptions> = {}) {
  const { ok, problems } = await verify(log, options);
  expect(ok).toBe(problems.length === 0);
  return problems.map(({ code, path }) => (path === undefined ? code : `${code} ${path}`));
}

describe('a log as it should be', () => {
  test.each([0, 1, 255, 256, 257, 1000, 65_536, 65_537, 66_000])('of %i entries verifies', async (count) => {
    const log = await createStaticLog(entries.slice(0, count));
    const report = await verify(log);
    expect(report).toMatchObject({ ok: true, problems: [], treeSize: count, entryCount: count, origin: log.origin });
    // Every file but the checkpoint was read, each once.
    expect(report.fileCount).toBe(log.files.size - 1);
    expect(report.progress?.position).toBe(count - (count % 256));
  });

  test('verifies without its partial tiles, once the full ones are there', async () => {
    const small = await createStaticLog(entries.slice(0, 1000));
    const large = await createStaticLog(entries.slice(0, 65_600));
    const { checkpoint } = small;
    expect(await codesOf(large, { checkpoint, source: large.source })).toEqual([]);
    expect(listPartialPaths(1000).every((path) => small.files.has(path) && !large.files.has(path))).toBe(true);
  });

  test('memory holds no more than is read ahead', async () => {
    const log = await createStaticLog(entries.slice(0, 20_000));
    let inFlight = 0;
    let most = 0;
    const source = {
      name: 'counted',
      readFile: async (path: string, sizeMax: number) => {
        most = Math.max(most, ++inFlight);
        await new Promise((resolve) => setImmediate(resolve));
        inFlight -= 1;
        return await log.source.readFile(path, sizeMax);
      },
    };
    expect(await verify(log, { source, concurrency: 4 })).toMatchObject({ ok: true });
    expect(most).toBeGreaterThan(4);
    expect(most).toBeLessThanOrEqual(4 * 3);
  });
});

describe('damage', () => {
  const made = createStaticLog(entries);
  const cases: [string, string, (bytes: Uint8Array) => Uint8Array | undefined, string[]][] = [
    ['a bit of an entry', 'tile/entries/003', flip(101), ['LOG_ENTRY_MISMATCH tile/entries/003']],
    ['a bit of an entry’s size', 'tile/entries/003', flip(1), ['LOG_BUNDLE_MALFORMED tile/entries/003']],
    ['a truncated bundle', 'tile/entries/003', (b) => b.slice(0, -1), ['LOG_BUNDLE_MALFORMED tile/entries/003']],
    [
      'an entry too many',
      'tile/entries/003',
      (b) => Uint8Array.of(...b, 0, 1, 7),
      ['LOG_BUNDLE_MALFORMED tile/entries/003'],
    ],
    ['no bundle', 'tile/entries/003', () => undefined, ['LOG_FILE_MISSING tile/entries/003']],
    ['a bit of a tile of leaf hashes', 'tile/0/003', flip(40), ['LOG_TILE_MISMATCH tile/0/003']],
    ['a short tile', 'tile/0/003', (b) => b.slice(32), ['LOG_TILE_MISMATCH tile/0/003']],
    ['no tile of leaf hashes', 'tile/0/003', () => undefined, ['LOG_FILE_MISSING tile/0/003']],
    ['a bit of a tile above', 'tile/1/000', flip(8000), ['LOG_TILE_MISMATCH tile/1/000']],
    ['no tile above', 'tile/1/000', () => undefined, ['LOG_FILE_MISSING tile/1/000']],
    ['a bit of a partial tile above', 'tile/2/000.p/1', flip(0), ['LOG_TILE_MISMATCH tile/2/000.p/1']],
    ['no partial tile above', 'tile/1/001.p/1', () => undefined, ['LOG_FILE_MISSING tile/1/001.p/1']],
    [
      'a bit of the last entries',
      'tile/entries/257.p/208',
      flip(9),
      ['LOG_ENTRY_MISMATCH tile/entries/257.p/208', 'LOG_ROOT_MISMATCH'],
    ],
    ['a bit of the last leaf hashes', 'tile/0/257.p/208', flip(9), ['LOG_ENTRY_MISMATCH tile/entries/257.p/208']],
    ['a bit of the signed root', 'checkpoint', flip(30), ['NOTE_SIGNATURE_INVALID']],
    ['no checkpoint', 'checkpoint', () => undefined, ['LOG_FILE_MISSING']],
  ];
  test.each(cases)('%s is found and named, and everything else still holds', async (_, path, change, expected) => {
    const log = changed(await made, path, change);
    expect(await codesOf(log)).toEqual(expected);
  });

  test('of one place’s bundle and tile both leaves what follows unsaid', async () => {
    const log = changed(
      changed(await made, 'tile/0/003', () => undefined),
      'tile/entries/003',
      () => undefined,
    );
    expect(await codesOf(log)).toEqual(['LOG_FILE_MISSING tile/entries/003', 'LOG_FILE_MISSING tile/0/003']);
  });

  test('a problem names the first entry that differs', async () => {
    const log = changed(await made, 'tile/entries/003', flip(2 + 9 + 2));
    expect((await verify(log)).problems).toEqual([
      expect.objectContaining({ leafIndex: 769, detail: expect.stringContaining('769') }),
    ]);
  });

  test('leaves nothing to go on from', async () => {
    const report = await verify(changed(await made, 'tile/0/003', flip(1)));
    expect(report.progress).toBeUndefined();
  });

  test('everywhere ends the run after as many problems as were asked for', async () => {
    const { origin, policy, files } = await made;
    const flipped = [...files].map(
      ([path, bytes]) => [path, path.startsWith('tile/0/') ? flip(5)(bytes) : bytes] as const,
    );
    const report = await verifyLog({ source: sourceOf(new Map(flipped)), policy, problemsMax: 5 });
    expect(report).toMatchObject({ ok: false, origin });
    expect(report.problems).toHaveLength(5);
  });
});

describe('who must have signed', () => {
  test('a checkpoint of another key is refused', async () => {
    const [log, other] = [await createStaticLog(entries.slice(0, 300)), await createStaticLog([], { seed: 2 })];
    expect(await codesOf(log, { policy: other.policy })).toEqual(['NOTE_UNVERIFIED']);
  });

  test('a checkpoint without the policy’s witnesses is refused', async () => {
    const seed = new Uint8Array(32).fill(9);
    const cosigner = await createCosigner('witness.test', seed, () => 1_700_000_000);
    const { publicKey } = await openEd25519Signer(seed);
    const plain = await createStaticLog(entries.slice(0, 300));
    const cosigned = await createStaticLog(entries.slice(0, 300), { cosigners: [cosigner] });
    const witness = `witness w ${encodeVerifierKey('witness.test', publicKey, 0x04)}\nquorum w\n`;
    const policy = parsePolicy(plain.policyText.replace('quorum none\n', witness));
    expect(await codesOf(plain, { policy })).toEqual(['POLICY_QUORUM_MISSING']);
    expect(await verify(cosigned, { policy })).toMatchObject({ ok: true, signers: [plain.origin, 'witness.test'] });
  });
});

describe('an earlier checkpoint', () => {
  test.each([0, 1, 256, 700, 1300])('of %i entries is contained', async (size) => {
    const log = await createStaticLog(entries.slice(0, 1300));
    const { checkpoint } = await createStaticLog(entries.slice(0, size));
    expect(await verify(log, { earlier: [checkpoint] })).toMatchObject({ ok: true, containedSizes: [size] });
  });

  test.each([1, 256, 700, 1300])('of %i entries of another history is a fork', async (size) => {
    const log = await createStaticLog(entries.slice(0, 1300));
    const { checkpoint } = await createStaticLog(testEntries(size, 'other'));
    expect(await codesOf(log, { earlier: [checkpoint] })).toEqual(['LOG_FORKED']);
  });

  test('that is larger says that the log shows less than it signed', async () => {
    const log = await createStaticLog(entries.slice(0, 300));
    const { checkpoint } = await createStaticLog(entries.slice(0, 301));
    expect(await codesOf(log, { earlier: [checkpoint] })).toEqual(['LOG_TREE_OLDER']);
  });

  test('of another log is none of this one', async () => {
    const log = await createStaticLog(entries.slice(0, 300));
    const other = await createStaticLog(entries.slice(0, 200), { origin: 'other.test/lucid/lucid', seed: 2 });
    const policy = parsePolicy(`${log.policyText}${other.policyText.replace('quorum none\n', '')}`);
    expect(await codesOf(log, { policy, earlier: [other.checkpoint] })).toEqual(['LOG_ORIGIN_OTHER']);
  });
});

describe('a run that goes on', () => {
  const logs = Promise.all([3000, 66_000].map((count) => createStaticLog(entries.slice(0, count))));
  const keep = (progress: LogProgress | undefined): LogProgress =>
    parseLogProgress(Buffer.from(encodeLogProgress(progress as LogProgress)));

  test('from where a smaller tree ended reads only what is new', async () => {
    const [small, large] = (await logs) as [StaticLog, StaticLog];
    const progress = keep((await verify(small)).progress);
    const report = await verify(large, { progress });
    expect(report).toMatchObject({ ok: true, resumedAt: 2816, entryCount: 66_000 - 2816, containedSizes: [3000] });
  });

  test('from any place where it was stopped ends the same', async () => {
    const [, large] = (await logs) as [StaticLog, StaticLog];
    for (const stopAt of [256, 40_000, 65_536, 66_000]) {
      const stop = new AbortController();
      let kept: LogProgress | undefined;
      const onProgress: VerifyLogOptions['onProgress'] = ({ entryCount, progress }) => {
        kept = keep(progress());
        if (entryCount >= stopAt) stop.abort(new Error('stopped'));
      };
      await expect(verify(large, { onProgress, signal: stop.signal })).rejects.toThrow('stopped');
      const report = await verify(large, { progress: keep(kept) });
      expect(report).toMatchObject({ ok: true, treeSize: 66_000, problems: [] });
      expect(report.entryCount).toBeLessThanOrEqual(66_000 - stopAt + 256);
    }
  });

  test('from what somebody had put into the log’s place begins anew, and blames nobody', async () => {
    const [, large] = (await logs) as [StaticLog, StaticLog];
    const files = new Map((await createStaticLog(testEntries(66_000, 'other'))).files);
    files.set('checkpoint', large.files.get('checkpoint') as Uint8Array);
    let poisoned: LogProgress | undefined;
    const lied = await verify(large, {
      source: sourceOf(files),
      onProgress: ({ progress }) => void (poisoned = progress()),
    });
    expect([lied.ok, poisoned?.position]).toEqual([false, 65_792]);
    expect(await verify(large, { progress: keep(poisoned) })).toMatchObject({
      ok: true,
      resumedAt: 0,
      entryCount: 66_000,
    });
  });

  test('meets a fork though the other history is the one it goes on from', async () => {
    const [, large] = (await logs) as [StaticLog, StaticLog];
    const other = await createStaticLog(testEntries(3000, 'other'));
    const codes = await codesOf(large, { progress: keep((await verify(other)).progress) });
    expect(codes).toContain('LOG_FORKED');
  });

  test('holds an earlier checkpoint within what is not read again against the log’s tiles', async () => {
    const [small, large] = (await logs) as [StaticLog, StaticLog];
    const progress = keep((await verify(small)).progress);
    const [good, bad] = [entries.slice(0, 700), testEntries(700, 'other')];
    const { checkpoint } = await createStaticLog(good);
    expect((await verify(large, { progress, earlier: [checkpoint] })).containedSizes).toEqual([700, 3000]);
    expect(await codesOf(large, { progress, earlier: [(await createStaticLog(bad)).checkpoint] })).toEqual([
      'LOG_FORKED',
    ]);
  });

  test('with a state file that any bit was flipped in starts nowhere', async () => {
    const [small] = (await logs) as [StaticLog];
    const bytes = Buffer.from(encodeLogProgress((await verify(small)).progress as LogProgress));
    for (let at = 0; at < bytes.length; at += 7) {
      expect(() => parseLogProgress(flip(at)(bytes))).toThrow(expect.objectContaining({ code: 'LOG_STATE_DAMAGED' }));
    }
  });
});

describe('from a folder', () => {
  test('verifies, and names what is missing', async () => {
    const log = await createStaticLog(entries.slice(0, 700));
    await using written = await writeStaticLog(log);
    expect(await codesOf(log, { source: createFolderSource(written.folder) })).toEqual([]);
    await using partial = await writeStaticLog(changed(log, 'tile/0/001', () => undefined));
    const codes = await codesOf(log, { source: createFolderSource(partial.folder) });
    expect(codes).toEqual(['LOG_FILE_MISSING tile/0/001']);
  });
});

test('a folder where a pipe stands for a file does not hold a run up', async () => {
  const log = await createStaticLog(entries.slice(0, 300));
  await using written = await writeStaticLog(log);
  const tile = join(written.folder, 'tile', '0', '000');
  await rm(tile);
  execFileSync('mkfifo', [tile]);
  const codes = await codesOf(log, { source: createFolderSource(written.folder) });
  expect(codes).toEqual(['LOG_FILE_UNREADABLE tile/0/000']);
});

describe('over HTTP', () => {
  const answer = (body: BodyInit | null, status = 200, headers = {}) => new Response(body, { status, headers });

  test('asks again after answers that may pass, so often and no more', async () => {
    const log = await createStaticLog(entries.slice(0, 300));
    const asked = new Map<string, number>();
    const failing: typeof fetch = async (input) => {
      const path = String(input).replace('http://log.test/', '');
      const times = (asked.get(path) ?? 0) + 1;
      asked.set(path, times);
      if (times === 1) return answer('busy', 503);
      if (times === 2) throw new TypeError('fetch failed');
      return answer((log.files.get(path) as BodyInit | undefined) ?? null, log.files.has(path) ? 200 : 404);
    };
    let retries = 0;
    const options = { url: 'http://log.test/', fetch: failing, retryBaseMs: 1, onRetry: () => void retries++ };
    expect(await codesOf(log, { source: createHttpSource(options) })).toEqual([]);
    expect(retries).toBe(2 * log.files.size);
    asked.clear();
    const source = createHttpSource({ ...options, attemptsMax: 2 });
    await expect(verify(log, { source })).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE', status: 503 });
    expect(asked).toEqual(new Map([['checkpoint', 2]]));
  });

  test('a file that comes in pieces, however small, is read whole', async () => {
    const log = await createStaticLog(entries.slice(0, 300));
    const inPieces: typeof fetch = async (input) => {
      const bytes = log.files.get(String(input).replace('http://log.test/', '')) ?? new Uint8Array(0);
      let at = 0;
      const pull = (controller: ReadableStreamDefaultController): void =>
        at < bytes.length ? controller.enqueue(bytes.slice(at, (at += 1 + (at % 7)))) : controller.close();
      return new Response(new ReadableStream({ pull }));
    };
    const source = createHttpSource({ url: 'http://log.test', fetch: inPieces });
    expect(await codesOf(log, { source })).toEqual([]);
  });

  test('a file larger than it may be is not read to its end', async () => {
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1 << 16)) });
    const source = createHttpSource({ url: 'http://log.test', fetch: async () => new Response(endless) });
    const log = await createStaticLog([]);
    expect(await codesOf(log, { source })).toEqual(['LOG_FILE_TOO_LARGE']);
  });
});

import { randomUUID } from 'node:crypto';
import { sessionsApi } from '@lucid/common/apis/sessions';
import { sessionsErrors } from '@lucid/common/apis/sessions-errors';
import type { Manifest } from '@lucid/common/formats/manifest';
import { errorCodes } from '@lucid/common/http/openapi';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestChunk, TestRecorder } from '../../../test/support/test-recorder.ts';
import { openTestSessions, put, startRecording } from './platform.ts';
import { type Attempt, expectRefusal, openScene, type Row, type Scene, send } from './refusal.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
});
afterAll(async () => {
  await scene[Symbol.asyncDispose]();
});

const open = (changes: Record<string, unknown>): Attempt => ({
  method: 'POST',
  path: '/sessions',
  body: { ...scene.created.recorder.newSession(), ...changes },
});
const inSession = (rest = '') => `/sessions/${scene.recording.session.sessionId}${rest}`;

describe('opening', () => {
  const rows: Row[] = [
    ['no token', 'createSession', () => ({ ...open({}), user: 'nobody' }), 401, 'AUTH_TOKEN_MISSING'],
    ['expired token', 'createSession', () => ({ ...open({}), user: { lifeSec: -60 } }), 401, 'AUTH_TOKEN_EXPIRED'],
    ['other audience', 'createSession', () => ({ ...open({}), user: { audience: 'x' } }), 401, 'AUTH_AUDIENCE_WRONG'],
    [
      'role without writing',
      'createSession',
      () => ({ ...open({}), user: { roles: ['auditor'] } }),
      403,
      'AUTH_ROLE_MISSING',
    ],
    ['wrong type', 'createSession', () => open({ recorderKey: 7 }), 400, 'REQUEST_INVALID'],
    ['short key', 'createSession', () => open({ recorderKey: 'ab' }), 400, 'REQUEST_INVALID'],
    ['missing field', 'createSession', () => open({ policyHash: undefined }), 400, 'REQUEST_INVALID'],
    ['unknown field', 'createSession', () => open({ sessionKey: 'secret' }), 400, 'REQUEST_INVALID'],
    ['too many labels', 'createSession', () => open({ labels: Array(17).fill('a') }), 400, 'REQUEST_INVALID'],
    ['too large', 'createSession', () => open({ labels: ['a'.repeat(2 ** 20)] }), 413, 'REQUEST_TOO_LARGE'],
    [
      'a key with two places',
      'createSession',
      () => open({ participants: [{ signingKey: scene.created.recorder.key }] }),
      400,
      'SESSION_KEYS_INVALID',
    ],
    [
      'a bad Idempotency-Key',
      'createSession',
      () => ({ ...open({}), headers: { 'idempotency-key': 'a'.repeat(256) } }),
      400,
      'IDEMPOTENCY_KEY_INVALID',
    ],
  ];
  test.each(rows)('%s', async (...row) => await expectRefusal(scene.sessions, row));

  test('as many open sessions as an owner may have', async () => {
    await using small = await openTestSessions({ limits: { openPerOwnerMax: 2 } });
    const client = small.client();
    const body = scene.created.recorder.newSession();
    const answers = await Promise.allSettled(Array.from({ length: 5 }, () => client.createSession({ body })));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    await expect(client.createSession({ body })).rejects.toMatchObject({ code: 'SESSION_LIMIT_REACHED', status: 429 });
    await small.client({ subject: 'user-2' }).createSession({ body });
  });
});

describe('joining', () => {
  const join = async (
    subject: string,
    recorder = scene.created.recorder,
    sessionId = scene.created.session.sessionId,
  ) => ({
    method: 'POST',
    path: `/sessions/${sessionId}/join`,
    body: await recorder.join(scene.created.session.sessionId, subject),
  });
  const rows: Row[] = [
    [
      'no such session',
      'joinSession',
      () => join('user-1', scene.created.recorder, randomUUID()),
      404,
      'SESSION_NOT_FOUND',
    ],
    [
      'a key without a place',
      'joinSession',
      async () => join('user-1', await TestRecorder.create()),
      404,
      'SESSION_NOT_FOUND',
    ],
    ['signed for another subject', 'joinSession', () => join('user-9'), 403, 'SESSION_JOIN_SIGNATURE_INVALID'],
    [
      'a place that is taken',
      'joinSession',
      async () => ({
        method: 'POST',
        path: inSession('/join'),
        body: await scene.recording.recorder.join(scene.recording.session.sessionId, 'user-1'),
      }),
      409,
      'SESSION_JOIN_USED',
    ],
    ['no uuid', 'joinSession', () => join('user-1', scene.created.recorder, '1'), 400, 'REQUEST_INVALID'],
  ];
  test.each(rows)('%s', async (...row) => await expectRefusal(scene.sessions, row));
});

describe('reading', () => {
  const stranger = { subject: 'stranger' };
  const rows: Row[] = [
    ['another’s session', 'getSession', () => ({ path: inSession(), user: stranger }), 404, 'SESSION_NOT_FOUND'],
    ['no session', 'getSession', () => ({ path: `/sessions/${randomUUID()}` }), 404, 'SESSION_NOT_FOUND'],
    [
      'another’s chunks',
      'listChunks',
      () => ({ path: inSession('/chunks'), user: stranger }),
      404,
      'SESSION_NOT_FOUND',
    ],
    [
      'another’s content',
      'getChunk',
      () => ({ path: inSession('/chunks/0'), user: stranger }),
      404,
      'SESSION_NOT_FOUND',
    ],
    [
      'another’s header',
      'getChunkHeader',
      () => ({ path: inSession('/chunks/0/header'), user: stranger }),
      404,
      'SESSION_NOT_FOUND',
    ],
    [
      'another’s proof',
      'getChunkProof',
      () => ({ path: inSession('/chunks/0/proof'), user: stranger }),
      404,
      'SESSION_NOT_FOUND',
    ],
    [
      'another’s manifest',
      'getManifest',
      () => ({ path: inSession('/manifest'), user: stranger }),
      404,
      'SESSION_NOT_FOUND',
    ],
    ['another’s bundle', 'getBundle', () => ({ path: inSession('/bundle'), user: stranger }), 404, 'SESSION_NOT_FOUND'],
    ['a service’s role', 'getSession', () => ({ path: inSession(), user: { roles: [] } }), 403, 'AUTH_ROLE_MISSING'],
    ['no token', 'getBundle', () => ({ path: inSession('/bundle'), user: 'nobody' }), 401, 'AUTH_TOKEN_MISSING'],
    ['a chunk that is not there', 'getChunk', () => ({ path: inSession('/chunks/3') }), 404, 'SESSION_CHUNK_NOT_FOUND'],
    [
      'a range outside',
      'getChunk',
      () => ({ path: inSession('/chunks/0'), headers: { range: 'bytes=64-' } }),
      416,
      'SESSION_RANGE_UNSATISFIABLE',
    ],
    [
      'a proof before the seal',
      'getChunkProof',
      () => ({ path: inSession('/chunks/0/proof') }),
      409,
      'SESSION_NOT_SEALED',
    ],
    ['a manifest before the seal', 'getManifest', () => ({ path: inSession('/manifest') }), 409, 'SESSION_NOT_SEALED'],
    ['a bundle before the seal', 'getBundle', () => ({ path: inSession('/bundle') }), 409, 'SESSION_NOT_SEALED'],
    [
      'a malformed list of chunks',
      'getBundle',
      () => ({ path: inSession('/bundle?chunks=0,') }),
      400,
      'REQUEST_INVALID',
    ],
    ['a made-up cursor', 'listSessions', () => ({ path: '/sessions?cursor=abc' }), 400, 'CURSOR_INVALID'],
    ['another list’s cursor', 'listChunks', () => ({ path: inSession('/chunks?cursor=abc') }), 400, 'CURSOR_INVALID'],
    ['too long a page', 'listSessions', () => ({ path: '/sessions?limit=201' }), 400, 'REQUEST_INVALID'],
    ['an unknown parameter', 'listSessions', () => ({ path: '/sessions?owner=x' }), 400, 'REQUEST_INVALID'],
  ];
  test.each(rows)('%s', async (...row) => await expectRefusal(scene.sessions, row));
});

describe('sealing', () => {
  const seal = async (changes: Partial<Manifest> & Record<string, unknown>, signer = scene.recording.recorder) => {
    const manifest = scene.recording.recorder.manifest(
      scene.recording.session,
      scene.recording.chunks.slice(0, 1),
      changes,
    );
    return { method: 'POST', path: inSession('/seal'), body: await signer.seal(manifest) };
  };
  const unsigned = (changes: Record<string, unknown>): Attempt => ({
    method: 'POST',
    path: inSession('/seal'),
    body: {
      manifest: {
        ...scene.recording.recorder.manifest(scene.recording.session, scene.recording.chunks.slice(0, 1)),
        ...changes,
      },
      recorderSignature: '00'.repeat(64),
    },
  });
  const mismatches: [string, Partial<Manifest>][] = [
    ['owner', { owner: { subject: 'user-2', address: `0x${'11'.repeat(20)}` } }],
    ['recorderKey', { recorderKey: 'ab'.repeat(32) }],
    ['participants', { participants: [{ signingKey: 'ab'.repeat(32) }] }],
    ['policyHash', { policyHash: 'cd'.repeat(32) }],
    ['retention', { retention: { retainForSec: 0 } }],
    ['labels', { labels: ['other'] }],
    ['chunkCount', { chunkCount: 2 }],
    ['plainBytes', { plainBytes: 1 }],
    ['cipherBytes', { cipherBytes: 1 }],
    ['sealedBy', { sealedBy: 'platform' }],
    ['sessionId', { sessionId: randomUUID() }],
    ['previous', { previous: { sessionId: randomUUID(), manifestHash: 'ab'.repeat(32) } }],
  ];
  test.each(mismatches)('a manifest with another %s', async (field, changes) => {
    const answer = await send(scene.sessions, await seal(changes));
    expect(answer.problem).toMatchObject({ status: 409, code: 'SESSION_MANIFEST_MISMATCH', field });
  });

  const rows: Row[] = [
    [
      'no token',
      'sealSession',
      async () => ({ ...(await seal({})), user: 'nobody' as const }),
      401,
      'AUTH_TOKEN_MISSING',
    ],
    [
      'a stranger',
      'sealSession',
      async () => ({ ...(await seal({})), user: { subject: 'x' } }),
      404,
      'SESSION_NOT_FOUND',
    ],
    ['another’s signature', 'sealSession', () => seal({}, scene.created.recorder), 400, 'SESSION_SIGNATURE_INVALID'],
    ['another root', 'sealSession', () => seal({ merkleRoot: 'ab'.repeat(32) }), 409, 'SESSION_ROOT_MISMATCH'],
    ['an unknown member', 'sealSession', () => unsigned({ verified: true }), 400, 'SESSION_MANIFEST_INVALID'],
    ['a wrong type', 'sealSession', () => unsigned({ chunkCount: '1' }), 400, 'SESSION_MANIFEST_INVALID'],
    [
      'an end before the start',
      'sealSession',
      () => unsigned({ endedAt: '2020-01-01T00:00:00.000Z' }),
      400,
      'SESSION_MANIFEST_INVALID',
    ],
    [
      'no manifest',
      'sealSession',
      () => ({ ...unsigned({}), body: { recorderSignature: '00'.repeat(64) } }),
      400,
      'REQUEST_INVALID',
    ],
    [
      'a session nobody joined',
      'sealSession',
      async () => ({ ...(await seal({})), path: `/sessions/${scene.created.session.sessionId}/seal` }),
      409,
      'SESSION_STATE_INVALID',
    ],
  ];
  test.each(rows)('%s', async (...row) => await expectRefusal(scene.sessions, row));

  test('no chunks, and a gap', async () => {
    const client = scene.sessions.client();
    const { session, recorder } = await startRecording(client);
    const params = { sessionId: session.sessionId };
    const chunks = (await recorder.chunks(session.sessionId, 3)) as [TestChunk, TestChunk, TestChunk];
    const body = await recorder.seal(recorder.manifest(session, chunks));
    await expect(client.sealSession({ params, body })).rejects.toMatchObject({ code: 'SESSION_EMPTY' });
    await put(client, session.sessionId, chunks[0]);
    await put(client, session.sessionId, chunks[2]);
    const incomplete = client.sealSession({ params, body });
    await expect(incomplete).rejects.toMatchObject({ code: 'SESSION_INCOMPLETE', data: { missing: 1 } });
    await put(client, session.sessionId, chunks[1]);
    expect(await client.sealSession({ params, body })).toMatchObject({ state: 'sealing' });
  });
});

test('every code of the catalogue is documented by an operation', () => {
  const documented = new Set(Object.values(sessionsApi.operations).flatMap((operation) => errorCodes(operation)));
  expect(Object.keys(sessionsErrors).filter((code) => !documented.has(code))).toEqual([]);
});

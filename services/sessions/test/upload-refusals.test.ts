import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { at } from '../../../test/support/at.ts';
import { type TestChunk, type TestRecorder } from '../../../test/support/test-recorder.ts';
import { openTestSessions, put, startRecording } from './platform.ts';
import { type Attempt, expectRefusal, openScene, type Row, type Scene, send } from './refusal.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
});
afterAll(async () => {
  await scene[Symbol.asyncDispose]();
});

const inSession = (rest = '') => `/sessions/${scene.recording.session.sessionId}${rest}`;

describe('uploading', () => {
  const upload = (chunk: TestChunk, changes: Partial<Attempt> = {}): Attempt => ({
    method: 'PUT',
    path: inSession(`/chunks/${chunk.chunkIndex}`),
    body: chunk.content,
    ...changes,
    headers: { ...chunk.headers, ...changes.headers },
  });
  const next = () => at(scene.recording.chunks, 1);
  const made = async (changes: Parameters<TestRecorder['chunk']>[3] = {}, index = 1) =>
    await scene.recording.recorder.chunk(scene.recording.session.sessionId, index, new Uint8Array(32), changes);
  const rows: Row[] = [
    ['no token', 'putChunk', () => upload(next(), { user: 'nobody' }), 401, 'AUTH_TOKEN_MISSING'],
    ['a stranger', 'putChunk', () => upload(next(), { user: { subject: 'stranger' } }), 404, 'SESSION_NOT_FOUND'],
    [
      'one who may only read',
      'putChunk',
      () => upload(next(), { user: { subject: 'reader', roles: ['user', 'auditor'] } }),
      403,
      'SESSION_NOT_PERMITTED',
    ],
    [
      'a session nobody joined',
      'putChunk',
      async () => {
        const { sessionId } = scene.created.session;
        const chunk = await scene.created.recorder.chunk(sessionId, 0, new Uint8Array(32));
        return upload(chunk, { path: `/sessions/${sessionId}/chunks/0` });
      },
      409,
      'SESSION_STATE_INVALID',
    ],
    [
      'other content type',
      'putChunk',
      () => upload(next(), { headers: { 'content-type': 'text/plain' } }),
      415,
      'MEDIA_TYPE_UNSUPPORTED',
    ],
    ['JSON', 'putChunk', () => ({ ...upload(next()), body: { a: 1 } }), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    [
      'an index too high',
      'putChunk',
      () => upload(next(), { path: inSession('/chunks/100000') }),
      400,
      'REQUEST_INVALID',
    ],
    [
      'no digest',
      'putChunk',
      () => upload(next(), { headers: { 'content-digest': 'md5=:AAAA:' } }),
      400,
      'REQUEST_INVALID',
    ],
    [
      'two digests',
      'putChunk',
      () =>
        upload(next(), { headers: { 'content-digest': Array(2).fill(next().headers['content-digest']).join(', ') } }),
      400,
      'SESSION_CHUNK_DIGEST_INVALID',
    ],
    [
      'a field that is no number',
      'putChunk',
      () => upload(next(), { headers: { 'lucid-plain-size': '1e3' } }),
      400,
      'REQUEST_INVALID',
    ],
    [
      'a number too large',
      'putChunk',
      () => upload(next(), { headers: { 'lucid-captured-at': '9999999999999999' } }),
      400,
      'SESSION_CHUNK_HEADER_INVALID',
    ],
    [
      'a body of less than a tag',
      'putChunk',
      () => upload(next(), { headers: { 'lucid-cipher-size': '16' } }),
      400,
      'SESSION_CHUNK_HEADER_INVALID',
    ],
    [
      'a changed field',
      'putChunk',
      () => upload(next(), { headers: { 'lucid-captured-at': '1' } }),
      400,
      'SESSION_CHUNK_SIGNATURE_INVALID',
    ],
    [
      'another’s signature',
      'putChunk',
      async () => upload(await scene.created.recorder.chunk(scene.recording.session.sessionId, 1, new Uint8Array(32))),
      400,
      'SESSION_CHUNK_SIGNATURE_INVALID',
    ],
    [
      'another body',
      'putChunk',
      () => ({ ...upload(next()), body: new Uint8Array(64) }),
      400,
      'SESSION_CHUNK_DIGEST_MISMATCH',
    ],
    [
      'a longer body',
      'putChunk',
      () => ({ ...upload(next()), body: new Uint8Array(65) }),
      400,
      'SESSION_CHUNK_SIZE_MISMATCH',
    ],
    [
      'a shorter body',
      'putChunk',
      () => ({ ...upload(next()), body: new Uint8Array(63) }),
      400,
      'SESSION_CHUNK_SIZE_MISMATCH',
    ],
    [
      'a chunk over the limit',
      'putChunk',
      async () => upload(await made({ plainSize: 2 ** 25 })),
      413,
      'SESSION_CHUNK_TOO_LARGE',
    ],
    [
      'ciphertext over the limit',
      'putChunk',
      async () => upload(await made({ cipherSize: 2 ** 25 })),
      413,
      'SESSION_CHUNK_TOO_LARGE',
    ],
    ['a replay with another digest', 'putChunk', async () => upload(await made({}, 0)), 409, 'SESSION_CHUNK_CONFLICT'],
    ['a broken chain', 'putChunk', async () => upload(await made()), 409, 'SESSION_CHUNK_CHAIN_BROKEN'],
    ['too wide a gap', 'putChunk', async () => upload(await made({}, 12)), 409, 'SESSION_CHUNK_GAP_TOO_WIDE'],
  ];
  test.each(rows)('%s', async (...row) => await expectRefusal(scene.sessions, row));

  /** A request whose body stops after four of its 64 bytes. */
  const startUpload = async () => {
    const headers = { ...next().headers, authorization: `Bearer ${await scene.sessions.token()}`, host: '127.0.0.1' };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    lines.unshift(`PUT ${inSession('/chunks/1')} HTTP/1.1`);
    lines.push('content-type: application/octet-stream', 'content-length: 64', '', 'half');
    const socket = connect(Number(new URL(scene.sessions.baseUrl).port), '127.0.0.1');
    socket.write(lines.join('\r\n'));
    return socket;
  };

  test('an upload that ends early keeps nothing, and its slot is free again', async () => {
    for (let round = 0; round < 10; round++) {
      const socket = await startUpload();
      socket.end();
      await new Promise((resolve) => socket.once('close', resolve).resume());
    }
    const { problem } = await send(scene.sessions, { path: inSession('/chunks/1/header') });
    expect(problem).toMatchObject({ code: 'SESSION_CHUNK_NOT_FOUND' });
  });

  test('an upload that stops sending is told so', async () => {
    const socket = await startUpload();
    const answer = await new Promise<string>((resolve) => socket.once('data', (bytes) => resolve(bytes.toString())));
    socket.destroy();
    expect(answer).toContain('408');
    expect(answer).toContain('REQUEST_TIMEOUT');
  });

  test('more uploads than the service takes at once are asked to wait', async () => {
    await using small = await openTestSessions({ limits: { uploadsMax: 1, uploadIdleMs: 5000 } });
    const client = small.client();
    const { session, recorder } = await startRecording(client);
    const [first, second] = (await recorder.chunks(session.sessionId, 2)) as [TestChunk, TestChunk];
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const running = client.putChunk({
      params: { sessionId: session.sessionId, chunkIndex: 0 },
      headers: first.headers,
      rawBody: readable,
    });
    await writer.write(first.content.subarray(0, 10));
    await expect
      .poll(async () => (await fetch(`${small.baseUrl}/metrics`)).text())
      .toContain('sessions_uploads_running{service="sessions"} 1');
    const refused = await fetch(`${small.baseUrl}/sessions/${session.sessionId}/chunks/1`, {
      method: 'PUT',
      headers: {
        ...second.headers,
        authorization: `Bearer ${await small.token()}`,
        'content-type': 'application/octet-stream',
      },
      body: second.content,
    });
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refused.json()).toMatchObject({ code: 'SESSION_UPLOADS_BUSY' });
    await writer.write(first.content.subarray(10));
    await writer.close();
    expect(await running).toMatchObject({ durableSeq: 0 });
    expect(await put(client, session.sessionId, second)).toMatchObject({ durableSeq: 1 });
  });
});

import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseHex, toHex } from '@lucid/common/formats/bytes';
import { chunkHeaderHash } from '@lucid/common/formats/chunk';
import { createEd25519Seed, openEd25519Signer } from '@lucid/common/formats/ed25519';
import { encodeManifest, manifestHash, signManifest } from '@lucid/common/formats/manifest';
import { verifyInclusion } from '@lucid/common/formats/merkle';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { at } from '../../../test/support/at.ts';
import { TestRecorder } from '../../../test/support/test-recorder.ts';
import { openTestSessions, put, type SessionsClient, startRecording, type TestSessions } from './platform.ts';

let sessions: TestSessions;
let client: SessionsClient;
beforeAll(async () => {
  sessions = await openTestSessions();
  client = sessions.client();
});
afterAll(async () => {
  await sessions[Symbol.asyncDispose]();
});

describe('opening and joining', () => {
  test('the same Idempotency-Key opens one session', async () => {
    const recorder = await TestRecorder.create();
    const body = recorder.newSession({ labels: ['a'] });
    const first = await client.createSession({ body }, { idempotencyKey: 'key-1' });
    expect(first).toMatchObject({ state: 'created', ownerId: 'user-1', labels: ['a'], joinedKeys: [] });
    expect(await client.createSession({ body }, { idempotencyKey: 'key-1' })).toEqual(first);
    const other = client.createSession({ body: recorder.newSession() }, { idempotencyKey: 'key-1' });
    await expect(other).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    const stranger = sessions.client({ subject: 'user-2' });
    expect((await stranger.createSession({ body }, { idempotencyKey: 'key-1' })).sessionId).not.toBe(first.sessionId);
  });

  test('a place is taken once, even by many at once, and the session then records', async () => {
    const recorder = await TestRecorder.create();
    const { sessionId } = await client.createSession({ body: recorder.newSession() });
    const body = await recorder.join(sessionId, 'user-1');
    const answers = await Promise.allSettled(
      Array.from({ length: 8 }, () => client.joinSession({ params: { sessionId }, body })),
    );
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const codes = answers.flatMap((answer) =>
      answer.status === 'rejected' ? [(answer.reason as Error & { code: string }).code] : [],
    );
    expect(new Set(codes)).toEqual(new Set(['SESSION_JOIN_USED']));
    expect(await client.getSession({ params: { sessionId } })).toMatchObject({
      state: 'recording',
      joinedKeys: [recorder.key],
    });
  });

  test('a participant joins with an own token and may read, not write', async () => {
    const [recorder, guest] = await Promise.all([TestRecorder.create(), TestRecorder.create()]);
    const { sessionId } = await client.createSession({
      body: recorder.newSession({ participants: [{ signingKey: guest.key }] }),
    });
    const params = { sessionId };
    const guestClient = sessions.client({ subject: 'guest' });
    await expect(guestClient.getSession({ params })).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' });
    await guestClient.joinSession({ params, body: await guest.join(sessionId, 'guest') });
    expect((await guestClient.getSession({ params })).state).toBe('recording');
    expect((await guestClient.listSessions()).items.map((item) => item.sessionId)).toEqual([sessionId]);
    const chunk = at(await recorder.chunks(sessionId, 1), 0);
    await expect(put(guestClient, sessionId, chunk)).rejects.toMatchObject({ code: 'SESSION_NOT_PERMITTED' });
    const recorderClient = sessions.client({ subject: 'device', roles: ['recorder'] });
    await recorderClient.joinSession({ params, body: await recorder.join(sessionId, 'device') });
    expect(await put(recorderClient, sessionId, chunk)).toMatchObject({ durableSeq: 0 });
  });

  test('lists are newest first, paged, and one’s own; an auditor sees all', async () => {
    const lister = sessions.client({ subject: 'lister' });
    const made: string[] = [];
    for (let index = 0; index < 5; index++) {
      made.push((await lister.createSession({ body: (await TestRecorder.create()).newSession() })).sessionId);
    }
    const first = await lister.listSessions({ query: { limit: 3 } });
    const second = await lister.listSessions({ query: { limit: 3, cursor: first.next as string } });
    const listed = [...first.items, ...second.items].map(({ sessionId }) => sessionId);
    expect(listed.toSorted()).toEqual(made.toSorted());
    expect(second.next).toBeUndefined();
    const times = [...first.items, ...second.items].map(({ createdAt }) => createdAt);
    expect(times).toEqual(times.toSorted().toReversed());
    const all = await sessions.client({ subject: 'eve', roles: ['auditor'] }).listSessions({ query: { limit: 200 } });
    expect(all.items.length).toBeGreaterThan(5);
  });
});

describe('chunks', () => {
  test('an upload is durable, repeatable, and comes back whole and in ranges', async () => {
    const { session, recorder } = await startRecording(client);
    const { sessionId } = session;
    const chunk = await recorder.chunk(sessionId, 0, new Uint8Array(randomBytes(300_000)));
    const stored = await put(client, sessionId, chunk);
    const headerHash = toHex(chunkHeaderHash(chunk.header));
    expect(stored).toEqual({ chunkIndex: 0, headerHash, durableSeq: 0 });
    expect(await put(client, sessionId, chunk)).toEqual(stored);
    expect(await client.getSession({ params: { sessionId } })).toMatchObject({
      chunks: { durableSeq: 0, storedCount: 1, lastHeaderHash: headerHash, cipherBytes: 300_000 },
    });

    const params = { sessionId, chunkIndex: 0 };
    const whole = await client.getChunk({ params });
    expect(Buffer.compare(Buffer.from(await whole.arrayBuffer()), chunk.content)).toBe(0);
    expect(whole.headers.get('content-digest')).toBe(chunk.headers['content-digest']);
    const etag = whole.headers.get('etag') as string;
    const part = async (headers: Record<string, string>) => await client.getChunk({ params, headers });
    const middle = await part({ range: 'bytes=1000-1999' });
    expect(middle.status).toBe(206);
    expect(middle.headers.get('content-range')).toBe('bytes 1000-1999/300000');
    expect(Buffer.compare(Buffer.from(await middle.arrayBuffer()), chunk.content.subarray(1000, 2000))).toBe(0);
    const last = await part({ range: 'bytes=-10', 'if-range': etag });
    expect(Buffer.compare(Buffer.from(await last.arrayBuffer()), chunk.content.subarray(-10))).toBe(0);
    const rest = await part({ range: 'bytes=299990-' });
    expect((await rest.arrayBuffer()).byteLength).toBe(10);
    const stale = await part({ range: 'bytes=0-9', 'if-range': '"other"' });
    expect(stale.status).toBe(200);
    await stale.body?.cancel();
    await expect(part({ range: 'bytes=300000-' })).rejects.toMatchObject({ code: 'SESSION_RANGE_UNSATISFIABLE' });
    const answer = await fetch(`${sessions.baseUrl}/sessions/${sessionId}/chunks/0`, {
      headers: { authorization: `Bearer ${await sessions.token()}`, 'if-none-match': etag },
    });
    expect(answer.status).toBe(304);
  });

  test('the governed limit is obeyed as it changes, and told before a large body is read', async () => {
    const { session, recorder } = await startRecording(client);
    const chunk = await recorder.chunk(session.sessionId, 0, new Uint8Array(8 * 1024 * 1024));
    sessions.plainBytesMax = 1024 * 1024;
    const refused = put(client, session.sessionId, chunk);
    await expect(refused).rejects.toMatchObject({
      code: 'SESSION_CHUNK_TOO_LARGE',
      data: { plainBytesMax: 1024 * 1024 },
    });
    sessions.plainBytesMax = 16 * 1024 * 1024;
    expect(await put(client, session.sessionId, chunk)).toMatchObject({ durableSeq: 0 });
  });

  test('nothing refused leaves a file behind', async () => {
    const { session, recorder } = await startRecording(client);
    const { sessionId } = session;
    const chunk = await recorder.chunk(sessionId, 0, new Uint8Array(100));
    const tampered = { ...chunk, content: new Uint8Array(100).fill(1) };
    await expect(put(client, sessionId, tampered)).rejects.toMatchObject({ code: 'SESSION_CHUNK_DIGEST_MISMATCH' });
    expect(await readdir(join(sessions.folder, 'content', 'incoming'))).toEqual([]);
    expect(await readdir(join(sessions.folder, 'content', 'blobs'))).not.toContain(sessionId);
  });
});

describe('sealing', () => {
  test('a complete session is sealed, proves its chunks and takes no more', async () => {
    const { session, recorder } = await startRecording(client);
    const params = { sessionId: session.sessionId };
    const chunks = await recorder.chunks(session.sessionId, 5);
    for (const chunk of chunks.slice(0, 4)) await put(client, session.sessionId, chunk);
    const manifest = recorder.manifest(session, chunks.slice(0, 4));
    const body = await recorder.seal(manifest);
    const sealed = await client.sealSession({ params, body });
    expect(sealed).toMatchObject({ state: 'sealing', seal: { merkleRoot: manifest.merkleRoot, chunkCount: 4 } });
    expect(await client.sealSession({ params, body })).toMatchObject({ seal: sealed.seal });
    expect(await client.getManifest({ params })).toMatchObject({
      manifest,
      manifestHash: manifestHash(encodeManifest(manifest)),
    });
    for (const chunkIndex of [0, 3]) {
      const proven = await client.getChunkProof({ params: { ...params, chunkIndex } });
      verifyInclusion({
        leafIndex: chunkIndex,
        treeSize: proven.treeSize,
        leafHash: parseHex(proven.leafHash),
        proof: proven.proof.map((hash) => parseHex(hash)),
        rootHash: parseHex(manifest.merkleRoot),
      });
    }
    await expect(put(client, session.sessionId, at(chunks, 4))).rejects.toMatchObject({
      code: 'SESSION_STATE_INVALID',
    });
    expect(await put(client, session.sessionId, at(chunks, 0))).toMatchObject({ chunkIndex: 0 });
    const other = await recorder.seal({ ...manifest, device: 'another' });
    await expect(client.sealSession({ params, body: other })).rejects.toMatchObject({ code: 'SESSION_SEAL_CONFLICT' });
    await expect(client.getBundle({ params })).rejects.toMatchObject({ code: 'SESSION_NOT_SEALED' });
  });

  test('participants’ signatures are checked and kept', async () => {
    const [recorder, guest] = await Promise.all([TestRecorder.create(), TestRecorder.create()]);
    const { sessionId } = await client.createSession({
      body: recorder.newSession({ participants: [{ signingKey: guest.key, encryptionKey: 'cd'.repeat(32) }] }),
    });
    const params = { sessionId };
    const session = await client.joinSession({ params, body: await recorder.join(sessionId, 'user-1') });
    const chunks = await recorder.chunks(sessionId, 1);
    await put(client, sessionId, at(chunks, 0));
    const manifest = recorder.manifest(session, chunks);
    const body = await recorder.seal(manifest);
    const bytes = encodeManifest(manifest);
    const stranger = await openEd25519Signer(createEd25519Seed());
    const sign = async (signer: typeof stranger) => ({
      publicKey: toHex(signer.publicKey),
      signature: await signManifest(bytes, signer),
    });
    const withStranger = { ...body, participantSignatures: [await sign(stranger)] };
    await expect(client.sealSession({ params, body: withStranger })).rejects.toMatchObject({
      code: 'SESSION_SIGNATURE_INVALID',
    });
    const participantSignatures = [await sign(guest.signer)];
    await client.sealSession({ params, body: { ...body, participantSignatures } });
    expect(await client.getManifest({ params })).toMatchObject({ participantSignatures });
  });

  test('a root other than the stored headers’ is refused with the right one', async () => {
    const { session, recorder } = await startRecording(client);
    const params = { sessionId: session.sessionId };
    const chunks = await recorder.chunks(session.sessionId, 3);
    for (const chunk of chunks) await put(client, session.sessionId, chunk);
    const right = recorder.manifest(session, chunks);
    const wrong = recorder.manifest(session, chunks, { merkleRoot: createHash('sha256').digest('hex') });
    await expect(client.sealSession({ params, body: await recorder.seal(wrong) })).rejects.toMatchObject({
      code: 'SESSION_ROOT_MISMATCH',
      data: { merkleRoot: right.merkleRoot },
    });
  });
});

import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { at } from '../../../../test/support/at.ts';
import { TestRecorder } from '../../../../test/support/test-recorder.ts';
import { type ChunkRecord, placeChunk, readChunk } from '../../src/domain/chunk.ts';
import type { SealRecord } from '../../src/domain/seal.ts';
import { openSession, type SessionRecord } from '../../src/domain/session.ts';
import type { SessionStore } from '../../src/domain/session-store.ts';

/** A store that can be closed and opened again on what it has written. */
export interface ReopenableStore extends AsyncDisposable {
  readonly store: SessionStore;
  /** Orders to the ledger and to the chain that are not carried out. */
  pending(): { readonly ledger: number; readonly chain: number };
  reopen(): Promise<void>;
}

const gapMax = 100;

/** What every implementation of `SessionStore` keeps. */
export function testSessionStore(name: string, open: () => Promise<ReopenableStore>): void {
  const newSession = async (ownerId: string, now = 1000, state: SessionRecord['state'] = 'created') => {
    const recorder = await TestRecorder.create();
    return { recorder, session: { ...openSession(randomUUID(), ownerId, recorder.newSession(), now), state } };
  };
  const place = (chunk: ChunkRecord) => (session: SessionRecord, find: Parameters<typeof placeChunk>[2]) =>
    placeChunk(session, chunk, find, gapMax);

  describe(`${name} keeps the contract of SessionStore`, () => {
    test('what is written is there after a reopen', async () => {
      await using opened = await open();
      const { session, recorder } = await newSession('owner', 1000, 'recording');
      await opened.store.addSession(session, 10);
      const [sent] = await recorder.chunks(session.sessionId, 1);
      const chunk = readChunk(session.sessionId, 0, (sent as NonNullable<typeof sent>).headers);
      const { session: after } = await opened.store.addChunk(chunk, place(chunk));
      await opened.reopen();
      expect(await opened.store.findSession(session.sessionId)).toEqual(after);
      const stored = await opened.store.findChunk(session.sessionId, 0);
      expect(Buffer.from(stored?.header ?? []).equals(chunk.header)).toBe(true);
      expect(Buffer.from(stored?.signature ?? []).equals(chunk.signature)).toBe(true);
      expect(await opened.store.findChunk(session.sessionId, 1)).toBeUndefined();
      expect(await opened.store.findSession(randomUUID())).toBeUndefined();
    });

    test('changes of one session run one after another', async () => {
      await using opened = await open();
      const { session } = await newSession('owner');
      await opened.store.addSession(session, 10);
      const add = (label: string) =>
        opened.store.changeSession(session.sessionId, (latest) => ({ ...latest, labels: [...latest.labels, label] }));
      const labels = Array.from({ length: 50 }, (_, index) => String(index));
      await Promise.all(labels.map(add));
      expect((await opened.store.findSession(session.sessionId))?.labels).toEqual(labels);
    });

    test('what a change throws is thrown, and nothing is written', async () => {
      await using opened = await open();
      const { session } = await newSession('owner');
      await opened.store.addSession(session, 10);
      const failing = opened.store.changeSession(session.sessionId, () => {
        throw new Error('refused');
      });
      await expect(failing).rejects.toThrow('refused');
      expect(await opened.store.findSession(session.sessionId)).toEqual(session);
      const unknown = opened.store.changeSession(randomUUID(), (latest) => latest);
      await expect(unknown).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' });
    });

    test('the limit of open sessions holds against many at once, and a seal makes room', async () => {
      await using opened = await open();
      const made = await Promise.all(Array.from({ length: 6 }, () => newSession('owner', 1000, 'recording')));
      const answers = await Promise.allSettled(made.map(({ session }) => opened.store.addSession(session, 3)));
      expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
      await opened.reopen();
      const next = (await newSession('owner')).session;
      await expect(opened.store.addSession(next, 3)).rejects.toMatchObject({ code: 'SESSION_LIMIT_REACHED' });
      const first = at(
        made,
        answers.findIndex(({ status }) => status === 'fulfilled'),
      );
      await opened.store.changeSession(first.session.sessionId, (latest) => ({ ...latest, state: 'sealing' }));
      await opened.store.addSession(next, 3);
    });

    test('lists are newest first, by subject, and go on after their last item', async () => {
      await using opened = await open();
      const made: SessionRecord[] = [];
      for (const [ownerId, now] of [
        ['a', 1],
        ['b', 2],
        ['a', 3],
        ['a', 3],
      ] as const) {
        const { session } = await newSession(ownerId, now);
        await opened.store.addSession(session, 10);
        made.push(session);
      }
      const ids = (sessions: readonly SessionRecord[]) => sessions.map(({ sessionId }) => sessionId);
      const expected = made.toSorted((x, y) => y.createdAt - x.createdAt || (x.sessionId < y.sessionId ? 1 : -1));
      expect(ids(await opened.store.listSessions(undefined, { limit: 10 }))).toEqual(ids(expected));
      const ofA = expected.filter(({ ownerId }) => ownerId === 'a');
      const first = await opened.store.listSessions('a', { limit: 2 });
      expect(ids(first)).toEqual(ids(ofA.slice(0, 2)));
      const after = at(first, 1);
      expect(ids(await opened.store.listSessions('a', { limit: 2, after }))).toEqual(ids(ofA.slice(2)));
      const joined = at(made, 1);
      const member = { publicKey: joined.recorderKey, subject: 'a', joinedAt: 5 };
      await opened.store.changeSession(joined.sessionId, (latest) => ({ ...latest, members: [member] }));
      expect(ids(await opened.store.listSessions('a', { limit: 10 }))).toContain(joined.sessionId);
    });

    test('a chunk is added once; the same again changes nothing, another is refused', async () => {
      await using opened = await open();
      const { session, recorder } = await newSession('owner', 1000, 'recording');
      await opened.store.addSession(session, 10);
      const chunks = (await recorder.chunks(session.sessionId, 5)).map(({ chunkIndex, headers }) =>
        readChunk(session.sessionId, chunkIndex, headers),
      );
      const order = [4, 1, 0, 2, 1, 3, 0].map((index) => at(chunks, index));
      const answers = await Promise.all(order.map((chunk) => opened.store.addChunk(chunk, place(chunk))));
      expect(answers.map(({ isNew }) => isNew)).toEqual([true, true, true, true, false, true, false]);
      expect(answers.map((answer) => answer.session.progress.durableSeq)).toEqual([-1, -1, 1, 2, 2, 4, 4]);
      const fork = await recorder.chunk(session.sessionId, 0, new Uint8Array(64));
      const other = readChunk(session.sessionId, 0, fork.headers);
      await expect(opened.store.addChunk(other, place(other))).rejects.toMatchObject({
        code: 'SESSION_CHUNK_CONFLICT',
      });
      const listed = await opened.store.listChunks(session.sessionId, 1, 3);
      expect(listed.map(({ chunkIndex }) => chunkIndex)).toEqual([1, 2, 3]);
      const all: number[] = [];
      for await (const { chunkIndex } of opened.store.readChunks(session.sessionId)) all.push(chunkIndex);
      expect(all).toEqual([0, 1, 2, 3, 4]);
    });

    test('a seal, its receipt and its anchor each come with their order, once', async () => {
      await using opened = await open();
      const { session } = await newSession('owner', 1000, 'recording');
      const { sessionId } = session;
      await opened.store.addSession(session, 10);
      const recordingIds = async () => {
        const ids: string[] = [];
        for await (const id of opened.store.readRecording()) ids.push(id);
        return ids;
      };
      expect(await recordingIds()).toEqual([sessionId]);
      const seal: SealRecord = {
        sessionId,
        manifestText: '{}',
        manifestHash: 'ab'.repeat(32),
        recorderSignature: 'cd'.repeat(64),
        participantSignatures: [],
      };
      const summary = { manifestHash: seal.manifestHash, merkleRoot: 'ef'.repeat(32), chunkCount: 1, sealedAt: 1 };
      const sealing = (latest: SessionRecord): SessionRecord =>
        latest.seal ? latest : { ...latest, state: 'sealing', seal: summary };
      await opened.store.addSeal(seal, sealing);
      await opened.store.addSeal(seal, sealing);
      await opened.reopen();
      expect(opened.pending()).toEqual({ ledger: 1, chain: 0 });
      expect(await recordingIds()).toEqual([]);
      await opened.store.addReceipt(sessionId, 'receipt', (latest) => ({ ...latest, state: 'sealed' }));
      await opened.reopen();
      expect(opened.pending()).toEqual({ ledger: 1, chain: 1 });
      expect(await opened.store.findSeal(sessionId)).toEqual({ ...seal, receipt: 'receipt' });
      await opened.store.followAnchor(sessionId);
      await opened.reopen();
      expect(await opened.store.listFollowed(10)).toEqual([sessionId]);
      const anchor = { chainId: 1, contract: '0x', header: '0x', accountProof: [], storageProofs: [], receipt: 'r' };
      await opened.store.addAnchor(sessionId, anchor, (latest) => ({ ...latest, state: 'anchored' }));
      await opened.reopen();
      expect(await opened.store.listFollowed(10)).toEqual([]);
      expect(await opened.store.findSeal(sessionId)).toEqual({ ...seal, receipt: 'receipt', anchor });
      expect((await opened.store.findSession(sessionId))?.state).toBe('anchored');
    });
  });
}

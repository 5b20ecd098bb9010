import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { at } from '../../../test/support/at.ts';
import { openTestSessions, put, type SessionsClient, startRecording } from './platform.ts';

const count = 16;
const tolerated = new Set(['SESSION_CHUNK_GAP_TOO_WIDE']);

/** Sends a chunk as often as it takes; any refusal that order does not explain is a failure. */
async function putUntilTaken(client: SessionsClient, sessionId: string, chunk: Parameters<typeof put>[2]) {
  for (;;) {
    try {
      return await put(client, sessionId, chunk);
    } catch (error) {
      if (!tolerated.has((error as { code: string }).code)) throw error;
    }
  }
}

test('duplicates, gaps and any order, many at once, end in the same root', async () => {
  await using sessions = await openTestSessions({ limits: { uploadsMax: 100, uploadsPerSessionMax: 100 } });
  const client = sessions.client();
  const storm = fc.array(fc.nat(count - 1), { minLength: 10, maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(storm, async (order) => {
      const { session, recorder } = await startRecording(client);
      const { sessionId } = session;
      const chunks = await recorder.chunks(sessionId, count);
      const answers = await Promise.allSettled(order.map((index) => put(client, sessionId, at(chunks, index))));
      const codes = answers.flatMap((one) =>
        one.status === 'rejected' ? [(one.reason as { code: string }).code] : [],
      );
      expect(codes.filter((code) => !tolerated.has(code))).toEqual([]);
      await Promise.all(chunks.map((chunk) => putUntilTaken(client, sessionId, chunk)));
      const manifest = recorder.manifest(session, chunks);
      const sealed = await client.sealSession({ params: { sessionId }, body: await recorder.seal(manifest) });
      expect(sealed.chunks).toMatchObject({ durableSeq: count - 1, storedCount: count, cipherBytes: count * 64 });
      expect(sealed.seal?.merkleRoot).toBe(manifest.merkleRoot);
    }),
    { numRuns: 12 },
  );
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSession } from '@lucid/client/read-session';
import { Journal } from '@lucid/client/recorder/journal';
import { planRecording } from '@lucid/client/recorder/plan-recording';
import { recordStream } from '@lucid/client/recorder/record';
import { sealRecording } from '@lucid/client/recorder/seal-recording';
import { waitForState } from '@lucid/client/wait-for-state';
import { parseHex } from '@lucid/common/formats/bytes';
import { parseProofBundle } from '@lucid/common/formats/proof-bundle';
import type { User } from './user.ts';

/** What an auditor takes away of a session: it holds without the platform. */
export interface RecordedSession {
  readonly sessionId: string;
  /** Anchored, with a proof of chunk 0. */
  readonly bundle: Uint8Array;
  /** Chunk 0 as stored. */
  readonly chunk: Uint8Array<ArrayBuffer>;
  /** What was recorded, read back with the session's secret. */
  readonly content: Uint8Array;
}

async function* streamOf(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

/** Records, seals, waits for the anchor, and downloads: the main job, with the real recorder. */
export async function recordSession({ client }: User, parts: readonly Uint8Array[]): Promise<RecordedSession> {
  const { sessions } = client;
  const folder = await mkdtemp(join(tmpdir(), 'lucid-journal-'));
  try {
    const plan = await planRecording({ policyHash: '0'.repeat(64), retention: { retainForSec: 3600 } });
    await using journal = await Journal.create(folder, plan);
    await recordStream(streamOf(parts), { sessions, journal, chunkBytes: 256 * 1024 });
    const { sessionId } = await sealRecording({ sessions, journal });
    await waitForState(sessions, sessionId, 'anchored');
    const response = await sessions.getBundle({ params: { sessionId }, query: { chunks: '0', require: 'anchor' } });
    const bundle = new Uint8Array(await response.arrayBuffer());
    const download = await sessions.getChunk({ params: { sessionId, chunkIndex: 0 } });
    const { manifest } = parseProofBundle(bundle);
    const content = readSession({ sessions, manifest, secret: parseHex(plan.secret, 32) });
    return {
      sessionId,
      bundle,
      chunk: new Uint8Array(await download.arrayBuffer()),
      content: Buffer.concat(await Array.fromAsync(content)),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

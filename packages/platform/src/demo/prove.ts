import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { LucidClient } from '@lucid/client/lucid-client';
import { Journal } from '@lucid/client/recorder/journal';
import { type PlanOptions, planRecording } from '@lucid/client/recorder/plan-recording';
import { recordStream } from '@lucid/client/recorder/record';
import { sealRecording } from '@lucid/client/recorder/seal-recording';
import { verifyBundle } from '@lucid/client/verify';
import { waitForState } from '@lucid/client/wait-for-state';
import { AppError } from '@lucid/common/errors';
import { formatBytes } from './narrator.ts';

type Say = (line: string) => void;

export interface DemoRecording {
  /** Of the policy the session is bound to. */
  readonly policyHash: string;
  readonly chunkBytes: number;
  readonly content: string;
  readonly labels: string[];
  readonly source: AsyncIterable<Uint8Array>;
  /** Where the recorder keeps its journal. */
  readonly folder: string;
}

/** Records to the end of the source and seals; answers the session's id. */
export async function recordAndSeal({ sessions }: LucidClient, recording: DemoRecording, say: Say): Promise<string> {
  const options: PlanOptions = {
    policyHash: recording.policyHash,
    retention: { retainForSec: 0 },
    labels: recording.labels,
    content: recording.content,
  };
  await using journal = await Journal.create(join(recording.folder, 'journal'), await planRecording(options));
  await recordStream(recording.source, { sessions, journal, chunkBytes: recording.chunkBytes });
  const { chunkCount, plainBytes, cipherBytes } = journal;
  say(
    `${formatBytes(plainBytes)} recorded as ${chunkCount} encrypted chunks of ${formatBytes(cipherBytes)} in all, each acknowledged as durable`,
  );
  const { sessionId, seal } = await sealRecording({ sessions, journal });
  say(`session ${sessionId} sealed: root ${seal?.merkleRoot ?? ''}`);
  return sessionId;
}

/** Waits for the anchor and downloads the bundle with the proof of chunk 0. */
export async function exportBundle({ sessions }: LucidClient, sessionId: string, say: Say): Promise<Uint8Array> {
  const { seal, anchor } = await waitForState(sessions, sessionId, 'anchored', {
    onState: ({ state }) => say(`state: ${state}`),
  });
  say(`entry ${seal?.leafIndex ?? '?'} of the ledger, block ${anchor?.blockNumber ?? '?'} of the chain`);
  const response = await sessions.getBundle({ params: { sessionId }, query: { chunks: '0', require: 'anchor' } });
  const bundle = new Uint8Array(await response.arrayBuffer());
  say(`bundle: ${formatBytes(bundle.length)}`);
  return bundle;
}

/** Verifies with nothing but the bundle and the trust file, and says each step. */
export async function verifyAloud(bundle: Uint8Array, policy: string, say: Say): Promise<void> {
  const report = await verifyBundle(bundle, { policy, requireAnchor: true });
  for (const { ok, step, detail } of report.steps) say(`${ok ? '✓' : '✗'} ${step}: ${detail}`);
  if (!report.ok) throw new AppError('DEMO_FAILED', 'The bundle does not verify.');
}

/** Flips one bit in the middle and says how the verifier refuses. */
export async function showRefusal(bundle: Uint8Array, policy: string, say: Say): Promise<void> {
  const position = Math.floor(bundle.length / 2);
  const changed = bundle.slice();
  changed[position] = (changed[position] ?? 0) ^ 1;
  const report = await verifyBundle(changed, { policy, requireAnchor: true });
  const refusal = report.steps.find(({ ok }) => !ok);
  if (report.ok || !refusal) throw new AppError('DEMO_FAILED', 'A changed bundle verifies.');
  say(`one bit of byte ${position} flipped: ✗ ${refusal.code}: ${refusal.detail}`);
}

/** Offers one chunk of `bytes` in a session of its own; rejects with the service's answer when it is refused. */
export async function offerChunk(
  { sessions }: LucidClient,
  { policyHash, folder, bytes }: { policyHash: string; folder: string; bytes: number },
): Promise<void> {
  const plan = await planRecording({ policyHash, retention: { retainForSec: 0 }, labels: ['demo', 'offer'] });
  await using journal = await Journal.create(join(folder, plan.idempotencyKey), plan);
  await recordStream(randomSource(bytes), { sessions, journal, chunkBytes: bytes, giveUpAfterMs: 5000 });
}

/** Bytes that do not compress, so that what is uploaded is as large as what was recorded. */
async function* randomSource(bytes: number): AsyncGenerator<Uint8Array> {
  yield randomBytes(bytes);
}

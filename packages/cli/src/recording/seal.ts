import type { LucidClient } from '@lucid/client/lucid-client';
import type { Journal } from '@lucid/client/recorder/journal';
import type { Session } from '@lucid/client/recorder/recording';
import { sealRecording } from '@lucid/client/recorder/seal-recording';
import { waitForState } from '@lucid/client/wait-for-state';
import type { Output } from '../output.ts';

export interface SealOptions {
  readonly output: Output;
  /** How long to wait for the anchor, ms; 0 does not wait. */
  readonly timeoutMs: number;
}

/** Seals a recording and follows it to the chain. @throws SESSION_WAIT_TIMEOUT; it goes on by itself then */
export async function sealAndFollow(
  { sessions }: Pick<LucidClient, 'sessions'>,
  journal: Journal,
  { output, timeoutMs }: SealOptions,
): Promise<Session> {
  const session = await sealRecording({ sessions, journal, giveUpAfterMs: timeoutMs });
  if (timeoutMs === 0) return session;
  return await waitForState(sessions, session.sessionId, 'anchored', {
    timeoutMs,
    onState: ({ state, problem }) => output.note(problem ? `  ${state}; waiting: ${problem.detail}` : `  ${state}`),
  });
}

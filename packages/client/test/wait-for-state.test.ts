import { expect, test } from 'vitest';
import type { Session } from '../src/recorder/recording.ts';
import { waitForState } from '../src/wait-for-state.ts';

const problem = { code: 'UPSTREAM_UNREACHABLE', detail: 'ledger cannot be reached.' };

/** A platform that answers these, one after another, and then the last. */
function answering(...views: readonly Pick<Session, 'state' | 'problem'>[]) {
  let asked = 0;
  return { getSession: async () => views[Math.min(asked++, views.length - 1)] as Session };
}

test('tells of each state once, and of what it stands still for', async () => {
  const told: string[] = [];
  const sessions = answering(
    { state: 'sealing' },
    { state: 'sealing', problem },
    { state: 'sealing', problem },
    { state: 'sealed' },
  );
  await waitForState(sessions, 'id', 'sealed', { onState: (s) => told.push(`${s.state} ${s.problem?.code ?? ''}`) });
  expect(told).toEqual(['sealing ', 'sealing UPSTREAM_UNREACHABLE', 'sealed ']);
});

test('a time-out says what it stands still for', async () => {
  await expect(
    waitForState(answering({ state: 'sealing', problem }), 'id', 'anchored', { timeoutMs: 0 }),
  ).rejects.toThrow('The session is not anchored yet: it is sealing (ledger cannot be reached.).');
});

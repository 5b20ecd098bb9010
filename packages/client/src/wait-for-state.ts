import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@lucid/common/errors';
import type { SessionsClient } from './lucid-client.ts';
import type { Session } from './recorder/recording.ts';
import { isTransient } from './recorder/retry.ts';

export interface WaitOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Told of each new state, and of what it stands still for. */
  readonly onState?: (session: Session) => void;
}

const states = ['created', 'recording', 'sealing', 'sealed', 'anchored'] as const;

/**
 * Follows a session until it is at least in `state`.
 * @throws AppError SESSION_WAIT_TIMEOUT with the state it stood in; the API's errors
 */
export async function waitForState(
  sessions: Pick<SessionsClient, 'getSession'>,
  sessionId: string,
  state: Session['state'],
  { timeoutMs = 60_000, signal, onState }: WaitOptions = {},
): Promise<Session> {
  const until = performance.now() + timeoutMs;
  let last: Session | undefined;
  for (let waitMs = 50; ; waitMs = Math.min(1000, waitMs * 1.5)) {
    const session = await findSession(sessions, sessionId);
    const isNews = session?.state !== last?.state || session?.problem?.code !== last?.problem?.code;
    if (session !== undefined && isNews) onState?.(session);
    last = session ?? last;
    if (session !== undefined && states.indexOf(session.state) >= states.indexOf(state)) return session;
    if (performance.now() > until) {
      const why = last?.problem === undefined ? '' : ` (${last.problem.detail})`;
      const stand = last === undefined ? 'the platform does not answer' : `it is ${last.state}${why}`;
      throw new AppError('SESSION_WAIT_TIMEOUT', `The session is not ${state} yet: ${stand}.`, {
        status: 504,
        data: { state: last?.state, problem: last?.problem },
      });
    }
    await delay(waitMs, undefined, { signal });
  }
}

/** The session, or undefined while the platform is away. */
async function findSession(
  sessions: Pick<SessionsClient, 'getSession'>,
  sessionId: string,
): Promise<Session | undefined> {
  try {
    return await sessions.getSession({ params: { sessionId } });
  } catch (error) {
    if (isTransient(error)) return undefined;
    throw error;
  }
}

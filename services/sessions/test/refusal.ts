import { sessionsApi } from '@lucid/common/apis/sessions';
import { errorCodes } from '@lucid/common/http/openapi';
import { expect } from 'vitest';
import { at } from '../../../test/support/at.ts';
import type { UserTokenOptions } from '../../../test/support/identity.ts';
import { type SessionView, type TestChunk, TestRecorder } from '../../../test/support/test-recorder.ts';
import { openTestSessions, put, startRecording, type TestSessions } from './platform.ts';

export interface Attempt {
  readonly method?: string;
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly user?: UserTokenOptions | 'nobody';
}

type OperationId = keyof typeof sessionsApi.operations;

/** What is tried, and the documented code it is answered with. */
export type Row = [
  name: string,
  operation: OperationId,
  attempt: () => Attempt | Promise<Attempt>,
  status: number,
  code: string,
];

/** A service with a session nobody joined, and one that records: chunk 0 stored, chunks 1 to 3 ready. */
export interface Scene extends AsyncDisposable {
  readonly sessions: TestSessions;
  readonly recording: { session: SessionView; recorder: TestRecorder; chunks: TestChunk[] };
  readonly created: { session: SessionView; recorder: TestRecorder };
}

export async function openScene(): Promise<Scene> {
  const sessions = await openTestSessions();
  const client = sessions.client();
  const { session, recorder } = await startRecording(client);
  const chunks = await recorder.chunks(session.sessionId, 4);
  await put(client, session.sessionId, at(chunks, 0));
  const other = await TestRecorder.create();
  return {
    sessions,
    recording: { session, recorder, chunks },
    created: { recorder: other, session: await client.createSession({ body: other.newSession() }) },
    [Symbol.asyncDispose]: () => sessions[Symbol.asyncDispose](),
  };
}

export async function send(
  { baseUrl, token }: TestSessions,
  { method = 'GET', path, body, headers = {}, user = {} }: Attempt,
) {
  const isBytes = body instanceof Uint8Array;
  const response = await fetch(`${baseUrl}${path}`, {
    method,
    headers: {
      ...(user === 'nobody' ? {} : { authorization: `Bearer ${await token(user)}` }),
      ...(body === undefined ? {} : { 'content-type': isBytes ? 'application/octet-stream' : 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: isBytes ? new Uint8Array(body) : JSON.stringify(body) }),
  });
  return { status: response.status, problem: (await response.json()) as Record<string, unknown> };
}

export async function expectRefusal(sessions: TestSessions, [, operation, attempt, status, code]: Row) {
  const answer = await send(sessions, await attempt());
  expect(answer.problem).toMatchObject({ status, code });
  expect(answer.status).toBe(status);
  expect(errorCodes(sessionsApi.operations[operation])).toContain(code);
}

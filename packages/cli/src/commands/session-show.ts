import type { Session } from '@lucid/client/recorder/recording';
import type { Run } from '../command.ts';
import { connectSignedIn } from '../connection.ts';
import { formatBytes, formatFields } from '../output.ts';
import { resolveSessionId } from '../recording/recordings.ts';

export const run: Run<object> = async (context, output, options, name = '') => {
  const sessionId = await resolveSessionId(context.config, name);
  const { client } = await connectSignedIn(context, options);
  const session = await client.sessions.getSession({ params: { sessionId } });
  output.result(session, formatSession(session));
};

/** A session for people. */
export function formatSession(session: Session): string {
  const { chunks, seal, anchor, problem } = session;
  return formatFields([
    ['session', session.sessionId],
    ['state', session.state],
    ['problem', problem && `${problem.code}: ${problem.detail}`],
    ['labels', session.labels.length > 0 ? session.labels.join(', ') : undefined],
    ['owner', session.ownerAddress],
    ['opened', session.createdAt],
    ['chunks', `${chunks.storedCount}, ${formatBytes(chunks.plainBytes)} (${formatBytes(chunks.cipherBytes)} stored)`],
    ['policy', session.policyHash],
    ['sealed', seal?.sealedAt],
    ['manifest', seal?.manifestHash],
    ['root', seal?.merkleRoot],
    ['ledger', seal?.leafIndex === undefined ? undefined : `entry ${seal.leafIndex}`],
    ['anchored', anchor && `${anchor.anchoredAt}, block ${anchor.blockNumber}`],
  ]);
}

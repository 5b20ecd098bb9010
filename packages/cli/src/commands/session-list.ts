import type { Run } from '../command.ts';
import { connectSignedIn } from '../connection.ts';
import { formatBytes, formatTable } from '../output.ts';

interface ListOptions {
  readonly limit: number;
}

export const run: Run<ListOptions> = async (context, output, options) => {
  const { client } = await connectSignedIn(context, options);
  const limit = Math.min(options.limit, 200);
  const page = await client.sessions.listSessions({ query: { limit } });
  const rows = page.items.map((session) => [
    session.sessionId,
    session.state,
    session.createdAt,
    formatBytes(session.chunks.plainBytes),
    session.labels.join(', '),
  ]);
  const text = rows.length > 0 ? formatTable(['SESSION', 'STATE', 'OPENED', 'SIZE', 'LABELS'], rows) : 'No sessions.';
  output.result(page, text);
};

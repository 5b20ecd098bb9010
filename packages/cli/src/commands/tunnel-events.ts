import type { Run } from '../command.ts';
import { formatTable } from '../output.ts';
import { connectTunnels } from '../tunnel/tunnels.ts';

interface EventsOptions {
  readonly limit: number;
}

export const run: Run<EventsOptions> = async (context, output, options, tunnel) => {
  const client = await connectTunnels(context, options);
  const limit = Math.min(options.limit, 200);
  const page = await client.listTunnelEvents({ query: { limit, ...(tunnel === undefined ? {} : { tunnel }) } });
  const rows = page.items.map((event) => [
    event.at,
    event.kind,
    event.tunnel ?? '',
    event.by ?? '',
    event.detail ?? event.onionAddress ?? '',
  ]);
  output.result(page, rows.length > 0 ? formatTable(['AT', 'EVENT', 'TUNNEL', 'BY', 'DETAIL'], rows) : 'No events.');
};

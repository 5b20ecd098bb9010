import type { TunnelView } from '@lucid/common/apis/tunnels-schemas';
import type { Run } from '../command.ts';
import { formatTable } from '../output.ts';
import { formatQr } from '../tunnel/qr.ts';
import { connectTunnels, formatTunnel } from '../tunnel/tunnels.ts';

export const list: { run: Run<object> } = {
  run: async (context, output, options) => {
    const client = await connectTunnels(context, options);
    const page = await client.listTunnels({ query: { limit: 200 } });
    const text =
      page.items.length > 0 ? formatTable(['TUNNEL', 'STATE', 'ADDRESS', 'PORTS'], page.items.map(row)) : 'No tunnels.';
    output.result(page, text);
  },
};

function row({ name, state, onionAddress, ports }: TunnelView): string[] {
  return [name, state, onionAddress, ports.map(({ virtualPort, target }) => `${virtualPort}=${target}`).join(' ')];
}

export const show: { run: Run<{ readonly qr?: boolean }> } = {
  run: async (context, output, options, name = '') => {
    const client = await connectTunnels(context, options);
    const tunnel = await client.getTunnel({ params: { name } });
    const qr = options.qr === true ? `\n${formatQr(`http://${tunnel.onionAddress}`)}` : '';
    output.result(tunnel, `${formatTunnel(tunnel)}${qr}`);
  },
};
